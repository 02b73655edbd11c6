/* Attention of any shape, two queries at a time.
 *
 * Cost: as plain.h has it, and about 18 for every probability. The loads limit it. */
#include "plain.h"

void edgeq_attention_a8__c(const edgeq_attention_t *layer, const int8_t *q, const int8_t *k, const int8_t *v,
                           int8_t *output, void *scratch) {
  edgeq_attention_layer(layer, q, k, v, output, scratch, &edgeq_attention_plain);
}
