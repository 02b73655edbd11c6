/* The MVE intrinsics that edgeq's kernels use, in plain C, so that a folder for a Cortex-M55 also runs on a PC, under
 * sanitizers. Lane by lane as Arm's "M-profile Vector Extension intrinsics reference" (101809) describes them. A kernel
 * that uses another one adds it here. */
#ifndef EDGEQ_HOST_ARM_MVE_H
#define EDGEQ_HOST_ARM_MVE_H

#include <stdint.h>
#include <string.h>

typedef uint16_t mve_pred16_t; /* a bit per byte of the vector */
typedef struct {
  int8_t lane[16];
} int8x16_t;
typedef struct {
  int16_t lane[8];
} int16x8_t;
typedef struct {
  int32_t lane[4];
} int32x4_t;

#define EDGEQ_LANES(count) for (int i = 0; i < (count); i++)
#define EDGEQ_ACTIVE(predicate, bytes) (((predicate) >> (i * (bytes))) & 1)

/* Predicates: the first `count` lanes. */
static inline mve_pred16_t vctp8q(uint32_t count) {
  return (mve_pred16_t)(count >= 16 ? 0xFFFFU : (1U << count) - 1U);
}
static inline mve_pred16_t vctp16q(uint32_t count) {
  return vctp8q(count >= 8 ? 16 : 2 * count);
}
static inline mve_pred16_t vctp32q(uint32_t count) {
  return vctp8q(count >= 4 ? 16 : 4 * count);
}

/* Loads and stores. _z: inactive lanes are 0 and unread; _p: inactive lanes are unwritten. Bytes widen and narrow. */
#define EDGEQ_LOAD(name, vector, element, count)   \
  static inline vector name(const element *from) { \
    vector v;                                      \
    EDGEQ_LANES(count) v.lane[i] = from[i];        \
    return v;                                      \
  }
EDGEQ_LOAD(vldrbq_s8, int8x16_t, int8_t, 16)
EDGEQ_LOAD(vldrbq_s16, int16x8_t, int8_t, 8)
EDGEQ_LOAD(vldrbq_s32, int32x4_t, int8_t, 4)
EDGEQ_LOAD(vldrwq_s32, int32x4_t, int32_t, 4)

#define EDGEQ_LOAD_Z(name, vector, count, bytes)                                   \
  static inline vector name(const int8_t *from, mve_pred16_t p) {                  \
    vector v;                                                                      \
    EDGEQ_LANES(count) v.lane[i] = (int8_t)(EDGEQ_ACTIVE(p, bytes) ? from[i] : 0); \
    return v;                                                                      \
  }
EDGEQ_LOAD_Z(vldrbq_z_s8, int8x16_t, 16, 1)
EDGEQ_LOAD_Z(vldrbq_z_s32, int32x4_t, 4, 4)

#define EDGEQ_STORE_P(name, vector, count, bytes)                             \
  static inline void name(int8_t *to, vector v, mve_pred16_t p) {             \
    EDGEQ_LANES(count) if (EDGEQ_ACTIVE(p, bytes)) to[i] = (int8_t)v.lane[i]; \
  }
EDGEQ_STORE_P(vstrbq_p_s8, int8x16_t, 16, 1)
EDGEQ_STORE_P(vstrbq_p_s16, int16x8_t, 8, 2)
EDGEQ_STORE_P(vstrbq_p_s32, int32x4_t, 4, 4)
static inline void vstrwq_s32(int32_t *to, int32x4_t v) {
  EDGEQ_LANES(4) to[i] = v.lane[i];
}

/* One value in every lane, no value, one lane. */
static inline int8x16_t vdupq_n_s8(int8_t x) {
  int8x16_t v;
  EDGEQ_LANES(16) v.lane[i] = x;
  return v;
}
static inline int32x4_t vdupq_n_s32(int32_t x) {
  int32x4_t v;
  EDGEQ_LANES(4) v.lane[i] = x;
  return v;
}
static inline int32x4_t vuninitializedq_s32(void) {
  return vdupq_n_s32(0);
}
static inline int16x8_t vuninitializedq_s16(void) {
  int16x8_t v;
  memset(&v, 0, sizeof v);
  return v;
}
static inline int32x4_t vsetq_lane_s32(int32_t x, int32x4_t v, int lane) {
  v.lane[lane] = x;
  return v;
}

/* Sums modulo 2^32 and 2^16, as the lanes wrap. */
static inline int32_t edgeq_wrap(int64_t x) {
  return (int32_t)(uint32_t)(uint64_t)x;
}
#define EDGEQ_BINARY(name, expression)                     \
  static inline int32x4_t name(int32x4_t a, int32x4_t b) { \
    EDGEQ_LANES(4) {                                       \
      const int64_t x = a.lane[i], y = b.lane[i];          \
      a.lane[i] = edgeq_wrap(expression);                  \
    }                                                      \
    return a;                                              \
  }
#define EDGEQ_WITH_SCALAR(name, expression)                   \
  static inline int32x4_t name(int32x4_t a, int32_t scalar) { \
    EDGEQ_LANES(4) {                                          \
      const int64_t x = a.lane[i], y = scalar;                \
      a.lane[i] = edgeq_wrap(expression);                     \
    }                                                         \
    return a;                                                 \
  }
/* floor(2 x y / 2^32), rounded half up for R; both ends of the range together saturate. */
static inline int64_t edgeq_doubled_high(int64_t x, int64_t y, int64_t half) {
  return x == INT32_MIN && y == INT32_MIN ? INT32_MAX : (x * y + half) >> 31;
}
/* Left by y, or right by -y, rounded half up. */
static inline int64_t edgeq_rounding_shift(int64_t x, int64_t y) {
  const int64_t by = (int8_t)y;
  return by >= 0 ? (int64_t)((uint64_t)x << by) : by < -32 ? 0 : (x + ((int64_t)1 << (-by - 1))) >> -by;
}
EDGEQ_BINARY(vaddq_s32, x + y)
EDGEQ_BINARY(vmaxq_s32, x > y ? x : y)
EDGEQ_BINARY(vminq_s32, x < y ? x : y)
EDGEQ_BINARY(vqdmulhq_s32, edgeq_doubled_high(x, y, 0))
EDGEQ_BINARY(vqrdmulhq_s32, edgeq_doubled_high(x, y, (int64_t)1 << 30))
EDGEQ_BINARY(vrshlq_s32, edgeq_rounding_shift(x, y))
EDGEQ_WITH_SCALAR(vaddq_n_s32, x + y)
EDGEQ_WITH_SCALAR(vsubq_n_s32, x - y)
EDGEQ_WITH_SCALAR(vqrdmulhq_n_s32, edgeq_doubled_high(x, y, (int64_t)1 << 30))
EDGEQ_WITH_SCALAR(vshlq_r_s32, (int64_t)((uint64_t)x << y))
EDGEQ_WITH_SCALAR(vshrq_n_s32, x >> y)

static inline int32x4_t vmlaq_n_s32(int32x4_t sum, int32x4_t a, int32_t scalar) {
  EDGEQ_LANES(4) sum.lane[i] = edgeq_wrap(sum.lane[i] + (int64_t)a.lane[i] * scalar);
  return sum;
}

static inline int16x8_t vaddq_s16(int16x8_t a, int16x8_t b) {
  EDGEQ_LANES(8) a.lane[i] = (int16_t)(uint16_t)(a.lane[i] + b.lane[i]);
  return a;
}
static inline int16x8_t vmulq_s16(int16x8_t a, int16x8_t b) {
  EDGEQ_LANES(8) a.lane[i] = (int16_t)(uint16_t)(a.lane[i] * b.lane[i]);
  return a;
}
/* total plus all products. */
static inline int32_t vmladavaq_s8(int32_t total, int8x16_t a, int8x16_t b) {
  int64_t sum = total;
  EDGEQ_LANES(16) sum += a.lane[i] * b.lane[i];
  return edgeq_wrap(sum);
}
static inline int32_t vmladavq_s8(int8x16_t a, int8x16_t b) {
  return vmladavaq_s8(0, a, b);
}

/* Even (b) and odd (t) lanes, widened; narrowed into the even or odd lanes of a vector. */
static inline int32x4_t vmovlbq_s16(int16x8_t a) {
  int32x4_t v;
  EDGEQ_LANES(4) v.lane[i] = a.lane[2 * i];
  return v;
}
static inline int32x4_t vmovltq_s16(int16x8_t a) {
  int32x4_t v;
  EDGEQ_LANES(4) v.lane[i] = a.lane[2 * i + 1];
  return v;
}
static inline int16x8_t vmovnbq_s32(int16x8_t into, int32x4_t a) {
  EDGEQ_LANES(4) into.lane[2 * i] = (int16_t)a.lane[i];
  return into;
}
static inline int16x8_t vmovntq_s32(int16x8_t into, int32x4_t a) {
  EDGEQ_LANES(4) into.lane[2 * i + 1] = (int16_t)a.lane[i];
  return into;
}

#endif
