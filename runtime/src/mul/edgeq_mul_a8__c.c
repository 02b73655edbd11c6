/* Multiplication of any shape. */
#include "edgeq/edgeq_mul.h"

#include "edgeq/edgeq_requantize.h"

void edgeq_mul_a8__c(const edgeq_mul_t *layer, const int8_t *a, const int8_t *b, int8_t *output, void *scratch) {
  (void)scratch;
  for (int32_t o = 0; o < layer->outer; o++) {
    for (int32_t m = 0; m < layer->middle; m++) {
      const int8_t *a_next = a + o * layer->a_outer + m * layer->a_middle;
      const int8_t *b_next = b + o * layer->b_outer + m * layer->b_middle;
      for (int32_t i = layer->inner; i > 0; i--) {
        const int32_t product = (*a_next - layer->a_zero_point) * (*b_next - layer->b_zero_point);
        const int32_t scaled = edgeq_requantize(product, layer->multiplier, layer->shift);
        *output++ = edgeq_output(scaled, layer->output_zero_point, layer->clamp_min, layer->clamp_max);
        a_next += layer->a_inner;
        b_next += layer->b_inner;
      }
    }
  }
}
