/* Attention of any shape for cores with MVE, two queries at a time.
 *
 * Cost: as steps_mve.h has it, and about 25 for every probability, the maximum included; these limit it. */
#include "steps_mve.h"

void edgeq_attention_a8__mve(const edgeq_attention_t *layer, const int8_t *q, const int8_t *k, const int8_t *v,
                             int8_t *output, void *scratch) {
  edgeq_attention_layer(layer, q, k, v, output, scratch, &edgeq_attention_mve);
}
