/* Addition of many elements: what each operand's 256 values become on the common scale is computed once, into scratch.
 *
 * Per element of operands that lie as the output does: 4 loads, an addition, 5 instructions that requantize and
 * saturate, a store: 11, and the loop's share; with other steps 4 more. The limit is the requantization. Measured on
 * Cortex-M4: 12.3 (gcc), 13.4 (clang) per element.
 */
#include "edgeq/edgeq_add.h"
#include "edgeq/edgeq_dsp.h"

static void fill(int32_t *table, int32_t zero_point, int32_t high, int32_t low, int32_t shift) {
  const int32_t half = 1 << (shift - 1);
  for (int32_t q = INT8_MIN; q <= INT8_MAX; q++) {
    table[(uint8_t)q] = edgeq_add_scale(q - zero_point, high, low, half, shift);
  }
}

/* One element. */
#define ADD(i) edgeq_dsp_round(a_table[(uint8_t)a_next[i]] + b_table[(uint8_t)b_next[i]], factor, right, zero_point)

void edgeq_add_a8_table__dsp(const edgeq_add_t *layer, const int8_t *a, const int8_t *b, int8_t *output,
                             void *scratch) {
  int32_t *const a_table = (int32_t *)scratch;
  int32_t *const b_table = a_table + 256;
  /* A multiplier of 0 is 1/2 shifted as far as possible: nothing is left of any sum. */
  const int32_t factor = layer->multiplier == 0 ? INT32_MIN : (int32_t)((uint32_t)layer->multiplier << 1);
  const int32_t right = layer->multiplier == 0 ? 31 : layer->right, zero_point = layer->output_zero_point;
  const int32_t a_inner = layer->a_inner, b_inner = layer->b_inner;
  int8_t *const start = output;
  fill(a_table, layer->a_zero_point, layer->a_high, layer->a_low, layer->a_shift);
  fill(b_table, layer->b_zero_point, layer->b_high, layer->b_low, layer->b_shift);
  for (int32_t o = 0; o < layer->outer; o++) {
    for (int32_t m = 0; m < layer->middle; m++) {
      const int8_t *a_next = a + o * layer->a_outer + m * layer->a_middle;
      const int8_t *b_next = b + o * layer->b_outer + m * layer->b_middle;
      int32_t i = layer->inner;
      if (a_inner == 1 && b_inner == 1) {
        for (; i >= 4; i -= 4, a_next += 4, b_next += 4, output += 4) {
          output[0] = ADD(0);
          output[1] = ADD(1);
          output[2] = ADD(2);
          output[3] = ADD(3);
        }
      }
      for (; i > 0; i--, a_next += a_inner, b_next += b_inner) {
        *output++ = ADD(0);
      }
    }
  }
  edgeq_clamp_bytes(start, (int32_t)(output - start), layer->clamp_min, layer->clamp_max);
}
