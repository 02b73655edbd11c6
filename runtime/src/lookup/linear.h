/* int16 times a factor: the body of edgeq_lookup_a16_linear_to8__c and edgeq_lookup_a16_linear_to16__c.
 *
 * The including file defines EDGEQ_KERNEL and the type EDGEQ_OUTPUT. */
#include "edgeq/edgeq_lookup.h"
#include "edgeq/edgeq_requantize.h"

void EDGEQ_KERNEL(const edgeq_lookup_linear_t *layer, const int16_t *input, EDGEQ_OUTPUT *output, void *scratch) {
  (void)scratch;
  for (int32_t i = layer->count; i > 0; i--) {
    const int32_t y = edgeq_requantize(*input++, layer->multiplier, layer->shift);
    *output++ = (EDGEQ_OUTPUT)edgeq_limited(y, layer->output_zero_point, layer->clamp_min, layer->clamp_max);
  }
}
