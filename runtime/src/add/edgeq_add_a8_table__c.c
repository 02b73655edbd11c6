/* Addition of many elements: what each operand's 256 values become on the common scale is computed once, into scratch,
 * so that an element costs two table loads, one requantization and the clamp. */
#include "edgeq/edgeq_add.h"

#include "edgeq/edgeq_requantize.h"

static void fill(int32_t *table, int32_t zero_point, int32_t high, int32_t low, int32_t shift) {
  const int32_t half = 1 << (shift - 1);
  for (int32_t q = INT8_MIN; q <= INT8_MAX; q++) {
    table[(uint8_t)q] = edgeq_add_scale(q - zero_point, high, low, half, shift);
  }
}

void edgeq_add_a8_table__c(const edgeq_add_t *layer, const int8_t *a, const int8_t *b, int8_t *output, void *scratch) {
  int32_t *const a_table = (int32_t *)scratch;
  int32_t *const b_table = a_table + 256;
  const int32_t multiplier = layer->multiplier, right = layer->right, offset = 2 * layer->output_zero_point + 1;
  const int32_t clamp_min = layer->clamp_min, clamp_max = layer->clamp_max;
  const int32_t a_inner = layer->a_inner, b_inner = layer->b_inner;
  fill(a_table, layer->a_zero_point, layer->a_high, layer->a_low, layer->a_shift);
  fill(b_table, layer->b_zero_point, layer->b_high, layer->b_low, layer->b_shift);
  for (int32_t o = 0; o < layer->outer; o++) {
    for (int32_t m = 0; m < layer->middle; m++) {
      const int8_t *a_next = a + o * layer->a_outer + m * layer->a_middle;
      const int8_t *b_next = b + o * layer->b_outer + m * layer->b_middle;
      for (int32_t i = layer->inner; i > 0; i--) {
        const int32_t sum = a_table[(uint8_t)*a_next] + b_table[(uint8_t)*b_next];
        const int32_t y = edgeq_requantize_right(sum, multiplier, right, offset);
        *output++ = (int8_t)edgeq_clamp(y, clamp_min, clamp_max);
        a_next += a_inner;
        b_next += b_inner;
      }
    }
  }
}
