/* Attention of any shape, two queries with four keys at a time.
 *
 * Cost: as steps_2x4.h has it, and about 20 for every probability. Multiplications and additions limit it. */
#include "steps_2x4.h"

void edgeq_attention_a8_2x4__c(const edgeq_attention_t *layer, const int8_t *q, const int8_t *k, const int8_t *v,
                               int8_t *output, void *scratch) {
  edgeq_attention_layer(layer, q, k, v, output, scratch, &edgeq_attention_2x4);
}
