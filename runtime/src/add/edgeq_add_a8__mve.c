/* Addition of operands that lie as the output does, 4 elements at a time, for cores with MVE.
 *
 * TFLite's steps as they are: each operand times 2^20 and its factor, the sum times the output's, every factor with two
 * roundings. 25 instructions for 4 elements; the limit is the roundings half away from zero, two more instructions
 * each.
 */
#include "edgeq/edgeq_add.h"
#include "edgeq/edgeq_mve.h"

/* x * multiplier * 2^(left - 31) with double rounding, left in [-31, -1]. */
static inline int32x4_t scaled(int32x4_t x, int32_t multiplier, int32x4_t left) {
  const int32x4_t high = vqrdmulhq_n_s32(x, multiplier);
  return vrshlq_s32(vaddq_s32(high, vshrq_n_s32(high, 31)), left);
}

/* One operand's constants. A multiplier of 2^31 does not fit: half of it, and one more bit of headroom, is the same. */
typedef struct {
  int32_t zero_point, headroom, multiplier;
  int32x4_t left;
} operand_t;

static inline operand_t operand(int32_t zero_point, int32_t high, int32_t low, int32_t shift) {
  const int32_t whole = high >> 20;
  const operand_t made = {zero_point, 20 + whole, whole ? 1 << 30 : high * 2048 + low, vdupq_n_s32(-shift)};
  return made;
}

/* Four elements at the common scale. */
static inline int32x4_t common(const int8_t *from, const operand_t *o, mve_pred16_t some) {
  const int32x4_t x = vsubq_n_s32(vldrbq_z_s32(from, some), o->zero_point);
  return scaled(vshlq_r_s32(x, o->headroom), o->multiplier, o->left);
}

void edgeq_add_a8__mve(const edgeq_add_t *layer, const int8_t *a, const int8_t *b, int8_t *output, void *scratch) {
  const operand_t of_a = operand(layer->a_zero_point, layer->a_high, layer->a_low, layer->a_shift);
  const operand_t of_b = operand(layer->b_zero_point, layer->b_high, layer->b_low, layer->b_shift);
  const int32_t multiplier = layer->multiplier, zero = layer->output_zero_point;
  const int32_t low = layer->clamp_min, high = layer->clamp_max;
  const int32x4_t left = vdupq_n_s32(-layer->right);
  (void)scratch;
  for (int32_t o = 0; o < layer->outer; o++) {
    for (int32_t m = 0; m < layer->middle; m++) {
      const int8_t *a_next = a + o * layer->a_outer + m * layer->a_middle;
      const int8_t *b_next = b + o * layer->b_outer + m * layer->b_middle;
      int32_t rest = layer->inner;
      for (; rest > 0; rest -= 4, a_next += 4, b_next += 4, output += 4) {
        const mve_pred16_t some = vctp32q((uint32_t)rest);
        const int32x4_t sum = vaddq_s32(common(a_next, &of_a, some), common(b_next, &of_b, some));
        edgeq_mve_store(output, scaled(sum, multiplier, left), zero, low, high, rest);
      }
      output += rest;
    }
  }
}
