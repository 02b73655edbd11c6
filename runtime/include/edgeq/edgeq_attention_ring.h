/* Causal attention of the newest token: its queries against the keys and values that rings hold.
 *
 * As edgeq_attention.h, with one query per head over rings of `keys` slots, of which the first position + 1 are read,
 * and all from position keys - 1 on; the position is in [0, 2 keys), see edgeq_position.h. Results do not depend on the
 * order of keys, so the slots are read as they lie. `visible` of the layer is not read.
 */
#ifndef EDGEQ_ATTENTION_RING_H
#define EDGEQ_ATTENTION_RING_H

#include <stdint.h>

#include "edgeq/edgeq_attention.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef edgeq_attention_t edgeq_attention_ring_t;

/* Any shape. Scratch as for edgeq_attention_a8__c. */
void edgeq_attention_ring_a8__c(const edgeq_attention_ring_t *layer, const int8_t *q, const int8_t *k, const int8_t *v,
                                const int32_t *position, int8_t *output, void *scratch);

/* Any shape; scratch as for edgeq_attention_a8_2x4__c. */
void edgeq_attention_ring_a8_2x4__c(const edgeq_attention_ring_t *layer, const int8_t *q, const int8_t *k,
                                    const int8_t *v, const int32_t *position, int8_t *output, void *scratch);

/* Any shape; scratch and reads past the end as for edgeq_attention_a8__dsp. */
void edgeq_attention_ring_a8__dsp(const edgeq_attention_ring_t *layer, const int8_t *q, const int8_t *k,
                                  const int8_t *v, const int32_t *position, int8_t *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
