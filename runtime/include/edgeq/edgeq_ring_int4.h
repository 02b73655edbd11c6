/* The newest frames of a stream in the order of a ring, in four bits.
 *
 * As edgeq_ring.h, but each part of a frame (a head of one token) is kept as 1 + size / 2 bytes: a shift s in [0, 6],
 * then pairs of integers m in [-8, 7], the first of a pair in the low half of its byte. An element of the input is
 * about zero_point + (m << s), rounded half up, with the smallest s with which all m of the part fit.
 * edgeq/ops/ring_int4.py is the twin in Python.
 */
#ifndef EDGEQ_RING_INT4_H
#define EDGEQ_RING_INT4_H

#include <stdint.h>

#include "edgeq/edgeq_fill.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef struct {
  int32_t frames;     /* slots; > 0 */
  int32_t start;      /* element of the input at which the first part starts */
  int32_t parts;      /* of a frame; > 0 */
  int32_t size;       /* elements of a part; even, > 0 */
  int32_t stride;     /* elements from a part to the next one in the input */
  int32_t zero_point; /* [-128, 127] */
} edgeq_ring_int4_t;

/* Any shape. */
void edgeq_ring_int4_a8__c(const edgeq_ring_int4_t *layer, const int8_t *input, const int32_t *position, int8_t *ring,
                           void *scratch);

#ifdef __cplusplus
}
#endif

#endif
