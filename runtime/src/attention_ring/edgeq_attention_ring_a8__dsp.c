/* Attention of one token over rings of any shape, two heads with the same keys at a time. */
#include "../attention/steps_dsp.h"
#include "rings.h"

void edgeq_attention_ring_a8__dsp(const edgeq_attention_ring_t *layer, const int8_t *q, const int8_t *k,
                                  const int8_t *v, const int32_t *position, int8_t *output, void *scratch) {
  const edgeq_attention_t now = edgeq_attention_now(layer, *position);
  edgeq_attention_layer(&now, q, k, v, output, scratch, &edgeq_attention_dsp);
}
