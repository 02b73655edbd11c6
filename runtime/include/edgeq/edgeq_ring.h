/* The newest frames of a stream in the order of a ring, kept from call to call. Elements of any size.
 *
 * The output is the ring itself, in the state of the model: frames of parts * part_bytes bytes. A call writes one
 * frame, the parts of the input one after the other, into slot `position`, less `frames` from there on; the position is
 * in [0, 2 frames), see edgeq_position.h. Input and ring must not overlap. No scratch.
 */
#ifndef EDGEQ_RING_H
#define EDGEQ_RING_H

#include <stdint.h>

#include "edgeq/edgeq_fill.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef struct {
  int32_t frames;     /* slots; > 0 */
  int32_t start;      /* byte of the input at which the first part starts */
  int32_t parts;      /* of a frame; > 0 */
  int32_t part_bytes; /* > 0 */
  int32_t stride;     /* bytes from a part to the next one in the input */
} edgeq_ring_t;

/* Any shape. */
void edgeq_ring_a8__c(const edgeq_ring_t *layer, const int8_t *input, const int32_t *position, int8_t *ring,
                      void *scratch);

#ifdef __cplusplus
}
#endif

#endif
