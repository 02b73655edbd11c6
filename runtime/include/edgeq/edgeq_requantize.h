/* Requantization: an int32 accumulator times a real factor, in integers only.
 *
 * A factor is multiplier * 2^(shift - 31); multiplier is 0 or in [2^30, 2^31), shift is a power-of-two exponent,
 * positive to the left. The rounding is that of TFLite's reference kernels ("double rounding"): the high product is
 * rounded half up, the right shift that follows half away from zero. edgeq/ops/fixed_point.py is the twin in Python.
 */
#ifndef EDGEQ_REQUANTIZE_H
#define EDGEQ_REQUANTIZE_H

#include <stdint.h>

/* 1 where a 32x32->64 multiplication is one or two instructions, 0 where it would be a call into the compiler's
 * library. Both branches give the same bits; tests force each. */
#ifndef EDGEQ_WIDE_MULTIPLY
#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__) || (defined(__riscv) && !defined(__riscv_mul))
#define EDGEQ_WIDE_MULTIPLY 0
#else
#define EDGEQ_WIDE_MULTIPLY 1
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* round_half_up(x * multiplier / 2^31). x: any; multiplier: [0, 2^31). */
static inline int32_t edgeq_high_multiply(int32_t x, int32_t multiplier) {
#if EDGEQ_WIDE_MULTIPLY
  return (int32_t)(((int64_t)x * multiplier + (1 << 30)) >> 31);
#else
  /* x = 2^16 xh + xl with xl signed, multiplier = 2^16 mh + ml with ml unsigned, so that every product fits. */
  const int32_t xl = (int16_t)x;
  const int32_t xh = (x >> 16) + ((x >> 15) & 1);
  const int32_t ml = multiplier & 0xffff;
  const int32_t mh = multiplier >> 16;
  const int32_t cross = xh * ml;
  const int32_t low = (cross & 0x7fff) + xl * mh + ((xl * ml) >> 16) + (1 << 14);
  return (int32_t)((uint32_t)(2 * (xh * mh)) + (uint32_t)(cross >> 15) + (uint32_t)(low >> 15));
#endif
}

/* x / 2^exponent, ties away from zero. exponent: [0, 31]. */
static inline int32_t edgeq_round_shift_right(int32_t x, int32_t exponent) {
  if (exponent == 0) {
    return x;
  }
  /* floor((x - (x < 0) + half) / 2^e), the half added after the shift so that nothing overflows. */
  return (((x - (x < 0 && x != INT32_MIN)) >> (exponent - 1)) + 1) >> 1;
}

/* x * multiplier * 2^(shift - 31). x * 2^max(shift, 0) fits in 32 bits (proved by the converter); shift: [-31, 30]. */
static inline int32_t edgeq_requantize(int32_t x, int32_t multiplier, int32_t shift) {
  const int32_t left = shift > 0 ? shift : 0;
  const int32_t shifted = (int32_t)((uint32_t)x << left);
  return edgeq_round_shift_right(edgeq_high_multiply(shifted, multiplier), left - shift);
}

/* floor(x * multiplier / 2^30). |x| < 2^29; multiplier: [0, 2^31). */
static inline int32_t edgeq_multiply_floor(int32_t x, int32_t multiplier) {
#if EDGEQ_WIDE_MULTIPLY
  return (int32_t)(((int64_t)(x * 4) * multiplier) >> 32);
#else
  const int32_t xl = (int16_t)x;
  const int32_t xh = (x - xl) >> 16;
  const int32_t ml = multiplier & 0xffff;
  const int32_t mh = multiplier >> 16;
  return 4 * (xh * mh) + ((xh * ml + xl * mh + ((xl * ml) >> 16)) >> 14);
#endif
}

/* zero_point + edgeq_requantize(x, multiplier, -right) for 1 <= right <= 31 and |x| < 2^29, in fewer instructions.
 *
 * offset is 2 * zero_point + 1. Why it is the same: both roundings together are
 *     floor((p / 2^31 + 1/2 + 2^(right - 1) - (x < 0)) / 2^right),  p = x * multiplier
 * because nested floors of integers merge, and because x < 0 may stand for "the high product is negative": the two
 * differ for x = -1, multiplier = 2^30 only, where both give 0. In units of 2^30 all terms but p are integers, so
 * only the high half of the product is needed:
 *     floor((floor(p / 2^30) + 1 - 2 (x < 0) + 2^right) / 2^(right + 1)),
 * and (x >> 31) | 1 is 1 - 2 (x < 0). */
static inline int32_t edgeq_requantize_right(int32_t x, int32_t multiplier, int32_t right, int32_t offset) {
  const int32_t floored = edgeq_multiply_floor(x, multiplier) + ((x >> 31) | 1);
  return ((floored >> right) + offset) >> 1;
}

/* floor(x * multiplier / 2^31). x: any; multiplier: [0, 2^31). */
static inline int32_t edgeq_high_multiply_floor(int32_t x, int32_t multiplier) {
#if EDGEQ_WIDE_MULTIPLY
  return (int32_t)(((int64_t)x * multiplier) >> 31);
#else
  const int32_t xl = (int16_t)x;
  const int32_t xh = (x >> 16) + ((x >> 15) & 1);
  const int32_t ml = multiplier & 0xffff;
  const int32_t mh = multiplier >> 16;
  const int32_t cross = xh * ml;
  const int32_t low = (cross & 0x7fff) + xl * mh + ((xl * ml) >> 16);
  return (int32_t)((uint32_t)(2 * (xh * mh)) + (uint32_t)(cross >> 15) + (uint32_t)(low >> 15));
#endif
}

/* x * multiplier * 2^(shift - 31), rounded once, half away from zero: the rule of LiteRT's dense layers. Ranges as
 * above. Works on |x|, where away from zero is up; a right shift of e then adds 2^(e - 1) to the floored product,
 * because its half is a multiple of 2^31. */
static inline int32_t edgeq_requantize_once(int32_t x, int32_t multiplier, int32_t shift) {
  const int32_t size = x < 0 ? -x : x;
  int32_t scaled;
  if (shift >= 0) {
    scaled = edgeq_high_multiply((int32_t)((uint32_t)size << shift), multiplier);
  } else {
    scaled = ((edgeq_high_multiply_floor(size, multiplier) >> (-shift - 1)) + 1) >> 1;
  }
  return x < 0 ? -scaled : scaled;
}

/* edgeq_requantize_once(x, multiplier, -right) for 0 <= right <= 31 and |x| < 2^29, in fewer instructions. */
static inline int32_t edgeq_requantize_once_right(int32_t x, int32_t multiplier, int32_t right) {
  const int32_t sign = x >> 31;
  const int32_t scaled = ((edgeq_multiply_floor((x ^ sign) - sign, multiplier) >> right) + 1) >> 1;
  return (scaled ^ sign) - sign;
}

/* The factor of output channel o, where one may serve all: `shift` is null then, and multiplier[1] is the shift. */
static inline int32_t edgeq_factor_multiplier(const int32_t *multiplier, const int8_t *shift, int32_t o) {
  return multiplier[shift ? o : 0];
}

static inline int32_t edgeq_factor_shift(const int32_t *multiplier, const int8_t *shift, int32_t o) {
  return shift ? shift[o] : multiplier[1];
}

/* x limited to [low, high]. */
static inline int32_t edgeq_clamp(int32_t x, int32_t low, int32_t high) {
  x = x < low ? low : x;
  return x > high ? high : x;
}

/* x + zero_point limited to [low, high], so that no sum overflows: the last step of every output. */
static inline int32_t edgeq_limited(int32_t x, int32_t zero_point, int32_t low, int32_t high) {
  return edgeq_clamp(x, low - zero_point, high - zero_point) + zero_point;
}

/* The same for int8. */
static inline int8_t edgeq_output(int32_t x, int32_t zero_point, int32_t low, int32_t high) {
  return (int8_t)edgeq_limited(x, zero_point, low, high);
}

/* One output of the faster kernels: edgeq_requantize_right, limited. */
static inline int8_t edgeq_finish(int32_t sum, int32_t multiplier, int32_t right, int32_t offset, int32_t low,
                                  int32_t high) {
  return (int8_t)edgeq_clamp(edgeq_requantize_right(sum, multiplier, right, offset), low, high);
}

/* One output of the faster dense kernels: edgeq_requantize_once_right, limited. */
static inline int8_t edgeq_finish_once(int32_t sum, int32_t multiplier, int32_t right, int32_t zero_point, int32_t low,
                                       int32_t high) {
  return (int8_t)edgeq_clamp(edgeq_requantize_once_right(sum, multiplier, right) + zero_point, low, high);
}

#ifdef __cplusplus
}
#endif

#endif
