/* Addition of any shape. Small rather than fast: constants stay in the descriptor. */
#include "edgeq/edgeq_add.h"

#include "edgeq/edgeq_requantize.h"

void edgeq_add_a8__c(const edgeq_add_t *layer, const int8_t *a, const int8_t *b, int8_t *output, void *scratch) {
  const int32_t a_half = 1 << (layer->a_shift - 1);
  const int32_t b_half = 1 << (layer->b_shift - 1);
  (void)scratch;
  for (int32_t o = 0; o < layer->outer; o++) {
    for (int32_t m = 0; m < layer->middle; m++) {
      const int8_t *a_next = a + o * layer->a_outer + m * layer->a_middle;
      const int8_t *b_next = b + o * layer->b_outer + m * layer->b_middle;
      for (int32_t i = layer->inner; i > 0; i--) {
        const int32_t a_scaled =
            edgeq_add_scale(*a_next - layer->a_zero_point, layer->a_high, layer->a_low, a_half, layer->a_shift);
        const int32_t b_scaled =
            edgeq_add_scale(*b_next - layer->b_zero_point, layer->b_high, layer->b_low, b_half, layer->b_shift);
        const int32_t offset = 2 * layer->output_zero_point + 1;
        const int32_t y = edgeq_requantize_right(a_scaled + b_scaled, layer->multiplier, layer->right, offset);
        *output++ = (int8_t)edgeq_clamp(y, layer->clamp_min, layer->clamp_max);
        a_next += layer->a_inner;
        b_next += layer->b_inner;
      }
    }
  }
}
