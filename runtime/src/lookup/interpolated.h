/* Functions of one int16 by straight lines: the body of edgeq_lookup_a16_to8__c and edgeq_lookup_a16_to16__c.
 *
 * The including file defines EDGEQ_KERNEL and the type EDGEQ_OUTPUT. */
#include "edgeq/edgeq_lookup.h"

void EDGEQ_KERNEL(const edgeq_lookup_wide_t *layer, const int16_t *input, EDGEQ_OUTPUT *output, void *scratch) {
  const int32_t right = layer->right;
  const int32_t half = 1 << (right - 1);
  (void)scratch;
  for (int32_t i = layer->count; i > 0; i--) {
    const int32_t position = *input++ + 32768;
    const int16_t *const first = layer->table + (position >> 7);
    const int32_t y = (first[0] * 128 + (first[1] - first[0]) * (position & 127) + half) >> right;
    *output++ = (EDGEQ_OUTPUT)(y > layer->clamp_max ? layer->clamp_max : y);
  }
}
