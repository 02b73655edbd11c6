/* Table lookup of any length, int8 to int16. */
#include "edgeq/edgeq_lookup.h"

void edgeq_lookup_a8_to16__c(const edgeq_lookup_to16_t *layer, const int8_t *input, int16_t *output, void *scratch) {
  const int16_t *const table = layer->table;
  (void)scratch;
  for (int32_t i = layer->count; i > 0; i--) {
    *output++ = table[(uint8_t)*input++];
  }
}
