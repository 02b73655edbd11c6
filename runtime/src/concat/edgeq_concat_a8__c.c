/* Concatenation of any shape. */
#include "edgeq/edgeq_concat.h"

#include <string.h>

void edgeq_concat_a8__c(const edgeq_concat_t *layer, const int8_t *const *inputs, int8_t *output, void *scratch) {
  (void)scratch;
  for (int32_t i = 0; i < layer->count; i++) {
    const size_t chunk = (size_t)layer->chunks[i];
    const int8_t *from = inputs[i];
    int8_t *to = output;
    for (int32_t o = 0; o < layer->outer; o++) {
      memcpy(to, from, chunk);
      from += chunk;
      to += layer->total;
    }
    output += chunk;
  }
}
