/* Multiplication of any shape. Constants are copied first: to the compiler, a write to an int8_t may change the
 * descriptor. */
#include "edgeq/edgeq_mul.h"

#include "edgeq/edgeq_requantize.h"

void edgeq_mul_a8__c(const edgeq_mul_t *layer, const int8_t *a, const int8_t *b, int8_t *output, void *scratch) {
  const int32_t a_zero_point = layer->a_zero_point, b_zero_point = layer->b_zero_point;
  const int32_t multiplier = layer->multiplier;
  const int32_t left = layer->shift > 0 ? layer->shift : 0, right = left - layer->shift;
  const int32_t clamp_min = layer->clamp_min, clamp_max = layer->clamp_max;
  const int32_t a_inner = layer->a_inner, b_inner = layer->b_inner;
  /* edgeq_requantize_right, extended to right = 0: there the second rounding, and so the sign fix, falls away. */
  const int32_t sign_fix = right > 0 ? -1 : 0;
  const int32_t offset = 2 * layer->output_zero_point - sign_fix;
  (void)scratch;
  for (int32_t o = 0; o < layer->outer; o++) {
    for (int32_t m = 0; m < layer->middle; m++) {
      const int8_t *a_next = a + o * layer->a_outer + m * layer->a_middle;
      const int8_t *b_next = b + o * layer->b_outer + m * layer->b_middle;
      for (int32_t i = layer->inner; i > 0; i--) {
        const int32_t product = (*a_next - a_zero_point) * (*b_next - b_zero_point) * (1 << left);
        const int32_t floored = edgeq_multiply_floor(product, multiplier) + (((product >> 31) & sign_fix) | 1);
        *output++ = (int8_t)edgeq_clamp(((floored >> right) + offset) >> 1, clamp_min, clamp_max);
        a_next += a_inner;
        b_next += b_inner;
      }
    }
  }
}
