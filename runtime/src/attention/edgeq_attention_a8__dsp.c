/* Attention of any shape, two queries with two keys at a time.
 *
 * Cost: as steps_dsp.h has it, and about 27 for every probability, the maximum included. SMLAD and the expansion of
 * bytes to halfwords limit it. */
#include "steps_dsp.h"

void edgeq_attention_a8__dsp(const edgeq_attention_t *layer, const int8_t *q, const int8_t *k, const int8_t *v,
                             int8_t *output, void *scratch) {
  edgeq_attention_layer(layer, q, k, v, output, scratch, &edgeq_attention_dsp);
}
