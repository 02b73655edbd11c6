/* What the kernels for Arm cores with MVE (Helium) share: dot products of 16 bytes at a time, and the end of four
 * outputs at once. Included by sources that are compiled for such cores only. */
#ifndef EDGEQ_MVE_H
#define EDGEQ_MVE_H

#include <arm_mve.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Four sums at once, in the order of the channels. */
typedef struct {
  int32_t s0, s1, s2, s3;
} edgeq_mve_sums_t;

/* bias plus the products of x[0 .. 16 * steps) with four rows of weights, packed [steps][4][16]; steps > 0. Ten
 * instructions for 64 products: five loads, four multiply-accumulates, and the loop's end. */
static inline const int8_t *edgeq_mve_dot_4(const int8_t *x, const int8_t *w, int32_t steps, const int32_t *bias,
                                            edgeq_mve_sums_t *sums) {
  int32_t s0 = bias[0], s1 = bias[1], s2 = bias[2], s3 = bias[3];
  do {
    const int8x16_t v = vldrbq_s8(x);
    s0 = vmladavaq_s8(s0, v, vldrbq_s8(w));
    s1 = vmladavaq_s8(s1, v, vldrbq_s8(w + 16));
    s2 = vmladavaq_s8(s2, v, vldrbq_s8(w + 32));
    s3 = vmladavaq_s8(s3, v, vldrbq_s8(w + 48));
    x += 16;
    w += 64;
  } while (--steps > 0);
  sums->s0 = s0;
  sums->s1 = s1;
  sums->s2 = s2;
  sums->s3 = s3;
  return w;
}

static inline int32x4_t edgeq_mve_vector(const edgeq_mve_sums_t *sums) {
  int32x4_t v = vsetq_lane_s32(sums->s0, vuninitializedq_s32(), 0);
  v = vsetq_lane_s32(sums->s1, v, 1);
  v = vsetq_lane_s32(sums->s2, v, 2);
  return vsetq_lane_s32(sums->s3, v, 3);
}

/* x * multiplier * 2^(left - 31) of four channels with TFLite's double rounding. left: minus the shift to the right,
 * [-31, -1]. The second rounding shift rounds half up; taking 1 from negative numbers makes it half away from zero. */
static inline int32x4_t edgeq_mve_requantize(int32x4_t x, const int32_t *multiplier, const int8_t *left) {
  const int32x4_t high = vqrdmulhq_s32(x, vldrwq_s32(multiplier));
  return vrshlq_s32(vaddq_s32(high, vshrq_n_s32(high, 31)), vldrbq_s32(left));
}

/* The same with a single rounding, half up, which is half away from zero where no sum is a tie: the high product is
 * floored, the shift rounds. */
static inline int32x4_t edgeq_mve_requantize_once(int32x4_t x, const int32_t *multiplier, const int8_t *left) {
  return vrshlq_s32(vqdmulhq_s32(x, vldrwq_s32(multiplier)), vldrbq_s32(left));
}

/* Adds the zero point, limits to [low, high] and stores the first `count` of four outputs; count > 0. */
static inline void edgeq_mve_store(int8_t *output, int32x4_t x, int32_t zero_point, int32_t low, int32_t high,
                                   int32_t count) {
  x = vmaxq_s32(vminq_s32(vaddq_n_s32(x, zero_point), vdupq_n_s32(high)), vdupq_n_s32(low));
  vstrbq_p_s32(output, x, vctp32q((uint32_t)count));
}

/* Copies `count` bytes; count may be 0. */
static inline void edgeq_mve_copy(int8_t *to, const int8_t *from, int32_t count) {
  for (; count > 0; count -= 16, to += 16, from += 16) {
    const mve_pred16_t some = vctp8q((uint32_t)count);
    vstrbq_p_s8(to, vldrbq_z_s8(from, some), some);
  }
}

/* Writes `value` into `count` bytes; count may be 0. */
static inline void edgeq_mve_fill(int8_t *to, int32_t value, int32_t count) {
  for (; count > 0; count -= 16, to += 16) {
    vstrbq_p_s8(to, vdupq_n_s8((int8_t)value), vctp8q((uint32_t)count));
  }
}

#ifdef __cplusplus
}
#endif

#endif
