/* Products of two int16 tensors of any shape: the body of edgeq_mul_a16_to8__c and edgeq_mul_a16_to16__c.
 *
 * The including file defines EDGEQ_KERNEL and the type EDGEQ_OUTPUT. */
#include "edgeq/edgeq_mul.h"
#include "edgeq/edgeq_requantize.h"

void EDGEQ_KERNEL(const edgeq_mul_t *layer, const int16_t *a, const int16_t *b, EDGEQ_OUTPUT *output, void *scratch) {
  (void)scratch;
  for (int32_t o = 0; o < layer->outer; o++) {
    for (int32_t m = 0; m < layer->middle; m++) {
      const int16_t *a_next = a + o * layer->a_outer + m * layer->a_middle;
      const int16_t *b_next = b + o * layer->b_outer + m * layer->b_middle;
      for (int32_t i = layer->inner; i > 0; i--) {
        const int32_t y = edgeq_requantize(*a_next * *b_next, layer->multiplier, layer->shift);
        *output++ = (EDGEQ_OUTPUT)edgeq_limited(y, layer->output_zero_point, layer->clamp_min, layer->clamp_max);
        a_next += layer->a_inner;
        b_next += layer->b_inner;
      }
    }
  }
}
