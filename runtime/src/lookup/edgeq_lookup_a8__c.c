/* Table lookup of any length. */
#include "edgeq/edgeq_lookup.h"

void edgeq_lookup_a8__c(const edgeq_lookup_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int8_t *const table = layer->table;
  (void)scratch;
  for (int32_t i = layer->count; i > 0; i--) {
    *output++ = table[(uint8_t)*input++];
  }
}
