/* Causal attention of the newest token over rings in four bits.
 *
 * As edgeq_attention_ring.h over rings of edgeq_ring_int4.h: steps from head to head and from token to token of k and v
 * count bytes, keys and values decoded have no zero point, and v_zero_point is 0. Heads have even numbers of elements,
 * 1024 at most.
 */
#ifndef EDGEQ_ATTENTION_RING_INT4_H
#define EDGEQ_ATTENTION_RING_INT4_H

#include <stdint.h>

#include "edgeq/edgeq_attention.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef edgeq_attention_t edgeq_attention_ring_int4_t;

/* Any shape. Scratch as for edgeq_attention_a8__c. */
void edgeq_attention_ring_int4_a8__c(const edgeq_attention_ring_int4_t *layer, const int8_t *q, const int8_t *k,
                                     const int8_t *v, const int32_t *position, int8_t *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
