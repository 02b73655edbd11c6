/* The vector intrinsics that edgeq's kernels use, in plain C, so that a folder for a RISC-V core with vectors also runs
 * on a PC, under sanitizers. Element by element as the "RISC-V Vector C Intrinsic Specification" and the "RISC-V V
 * Vector Extension" 1.0 describe them; elements from vl on become all ones, as the tail-agnostic policy allows, so that
 * a kernel that counts on them fails. A kernel that uses another one adds it here. */
#ifndef EDGEQ_HOST_RISCV_VECTOR_H
#define EDGEQ_HOST_RISCV_VECTOR_H

#include <stddef.h>
#include <stdint.h>

/* Bits of a vector register: a power of two from 128 on. */
#ifndef EDGEQ_HOST_VLEN
#define EDGEQ_HOST_VLEN 128
#endif

/* Functions that stay functions: inlined, so many copies of vectors keep optimizers and sanitizers busy for minutes. */
#if defined(__GNUC__)
#define EDGEQ_INTRINSIC static __attribute__((noinline, unused))
#else
#define EDGEQ_INTRINSIC static inline
#endif

#define EDGEQ_ELEMENTS(bits, registers) (EDGEQ_HOST_VLEN / (bits) * (registers))

typedef struct {
  int8_t at[EDGEQ_ELEMENTS(8, 1)];
} vint8m1_t;
typedef struct {
  uint8_t at[EDGEQ_ELEMENTS(8, 1)];
} vuint8m1_t;
typedef struct {
  int16_t at[EDGEQ_ELEMENTS(16, 2)];
} vint16m2_t;
typedef struct {
  uint16_t at[EDGEQ_ELEMENTS(16, 2)];
} vuint16m2_t;
typedef struct {
  int32_t at[EDGEQ_ELEMENTS(32, 4)];
} vint32m4_t;
typedef struct {
  int8_t at[EDGEQ_ELEMENTS(8, 2)];
} vint8m2_t;
typedef struct {
  uint8_t at[EDGEQ_ELEMENTS(8, 2)];
} vuint8m2_t;
typedef struct {
  int8_t at[EDGEQ_ELEMENTS(8, 8)];
} vint8m8_t;
typedef struct {
  uint8_t at[EDGEQ_ELEMENTS(8, 8)];
} vuint8m8_t;
typedef struct {
  int16_t at[EDGEQ_ELEMENTS(16, 4)];
} vint16m4_t;
typedef struct {
  uint16_t at[EDGEQ_ELEMENTS(16, 4)];
} vuint16m4_t;
typedef struct {
  int32_t at[EDGEQ_ELEMENTS(32, 8)];
} vint32m8_t;
typedef struct {
  uint32_t at[EDGEQ_ELEMENTS(32, 8)];
} vuint32m8_t;

/* How fixed-point instructions round: half up. */
#define __RISCV_VXRM_RNU 0

/* How many elements the next instructions work on. */
static inline size_t __riscv_vsetvl_e16m2(size_t wanted) {
  return wanted < EDGEQ_ELEMENTS(16, 2) ? wanted : EDGEQ_ELEMENTS(16, 2);
}
static inline size_t __riscv_vsetvl_e16m4(size_t wanted) {
  return wanted < EDGEQ_ELEMENTS(16, 4) ? wanted : EDGEQ_ELEMENTS(16, 4);
}
static inline size_t __riscv_vsetvl_e8m8(size_t wanted) {
  return wanted < EDGEQ_ELEMENTS(8, 8) ? wanted : EDGEQ_ELEMENTS(8, 8);
}

/* A vector `v` of `type` elements, each below vl an expression over i. */
#define EDGEQ_EACH(vector, type, expression)                          \
  do {                                                                \
    vector v;                                                         \
    for (size_t i = 0; i < sizeof v.at / sizeof v.at[0]; i++) {       \
      v.at[i] = (type)(i < vl ? (int64_t)(expression) : (int64_t)-1); \
    }                                                                 \
    return v;                                                         \
  } while (0)

#define EDGEQ_LOAD(name, vector, type)                       \
  EDGEQ_INTRINSIC vector name(const type *from, size_t vl) { \
    EDGEQ_EACH(vector, type, from[i]);                       \
  }
EDGEQ_LOAD(__riscv_vle8_v_i8m1, vint8m1_t, int8_t)
EDGEQ_LOAD(__riscv_vle8_v_i8m2, vint8m2_t, int8_t)
EDGEQ_LOAD(__riscv_vle8_v_u8m1, vuint8m1_t, uint8_t)
EDGEQ_LOAD(__riscv_vle8_v_u8m2, vuint8m2_t, uint8_t)
EDGEQ_LOAD(__riscv_vle8_v_i8m8, vint8m8_t, int8_t)
EDGEQ_LOAD(__riscv_vle8_v_u8m8, vuint8m8_t, uint8_t)
EDGEQ_LOAD(__riscv_vle32_v_i32m4, vint32m4_t, int32_t)
EDGEQ_LOAD(__riscv_vle32_v_i32m8, vint32m8_t, int32_t)
EDGEQ_LOAD(__riscv_vle32_v_u32m8, vuint32m8_t, uint32_t)
EDGEQ_INTRINSIC vint8m8_t __riscv_vluxei8_v_i8m8(const int8_t *from, vuint8m8_t offset, size_t vl) {
  EDGEQ_EACH(vint8m8_t, int8_t, from[offset.at[i]]);
}

#define EDGEQ_STORE(name, vector, type)                          \
  EDGEQ_INTRINSIC void name(type *to, vector value, size_t vl) { \
    for (size_t i = 0; i < vl; i++) {                            \
      to[i] = value.at[i];                                       \
    }                                                            \
  }
EDGEQ_STORE(__riscv_vse8_v_i8m1, vint8m1_t, int8_t)
EDGEQ_STORE(__riscv_vse8_v_i8m2, vint8m2_t, int8_t)
EDGEQ_STORE(__riscv_vse8_v_i8m8, vint8m8_t, int8_t)

/* The same bits as another type. */
EDGEQ_INTRINSIC vuint32m8_t __riscv_vreinterpret_v_i32m8_u32m8(vint32m8_t a) {
  const size_t vl = EDGEQ_ELEMENTS(32, 8);
  EDGEQ_EACH(vuint32m8_t, uint32_t, a.at[i]);
}
EDGEQ_INTRINSIC vint32m8_t __riscv_vreinterpret_v_u32m8_i32m8(vuint32m8_t a) {
  const size_t vl = EDGEQ_ELEMENTS(32, 8);
  EDGEQ_EACH(vint32m8_t, int32_t, a.at[i]);
}

/* One operand: widened, narrowed. */
#define EDGEQ_UNARY(name, vector, type, from)      \
  EDGEQ_INTRINSIC vector name(from a, size_t vl) { \
    EDGEQ_EACH(vector, type, a.at[i]);             \
  }
EDGEQ_UNARY(__riscv_vsext_vf2_i16m2, vint16m2_t, int16_t, vint8m1_t)
EDGEQ_UNARY(__riscv_vsext_vf2_i16m4, vint16m4_t, int16_t, vint8m2_t)
EDGEQ_UNARY(__riscv_vsext_vf2_i32m8, vint32m8_t, int32_t, vint16m4_t)
EDGEQ_UNARY(__riscv_vzext_vf2_u16m2, vuint16m2_t, uint16_t, vuint8m1_t)
EDGEQ_UNARY(__riscv_vzext_vf2_u16m4, vuint16m4_t, uint16_t, vuint8m2_t)
EDGEQ_UNARY(__riscv_vncvt_x_x_w_i16m4, vint16m4_t, int16_t, vint32m8_t)
EDGEQ_INTRINSIC vint8m8_t __riscv_vmv_v_x_i8m8(int8_t x, size_t vl) {
  EDGEQ_EACH(vint8m8_t, int8_t, x);
}
EDGEQ_INTRINSIC vint32m8_t __riscv_vmv_v_x_i32m8(int32_t x, size_t vl) {
  EDGEQ_EACH(vint32m8_t, int32_t, x);
}

/* Two operands, x and y, in 64 bits; results wrap. */
#define EDGEQ_VECTORS(name, vector, type, first, second, expression)  \
  EDGEQ_INTRINSIC vector name(first a, second b, size_t vl) {         \
    EDGEQ_EACH(vector, type, EDGEQ_OF(a.at[i], b.at[i], expression)); \
  }
#define EDGEQ_SCALAR(name, vector, type, first, scalar, expression) \
  EDGEQ_INTRINSIC vector name(first a, scalar b, size_t vl) {       \
    EDGEQ_EACH(vector, type, EDGEQ_OF(a.at[i], b, expression));     \
  }
#define EDGEQ_OF(first, second, function) function((int64_t)(first), (int64_t)(second))
static inline int64_t edgeq_rvv_add(int64_t x, int64_t y) {
  return x + y;
}
static inline int64_t edgeq_rvv_subtract(int64_t x, int64_t y) {
  return x - y;
}
static inline int64_t edgeq_rvv_multiply(int64_t x, int64_t y) {
  return (int64_t)((uint64_t)x * (uint64_t)y);
}
static inline int64_t edgeq_rvv_multiply_high(int64_t x, int64_t y) {
  return (x * y) >> 32;
}
static inline int64_t edgeq_rvv_exclusive_or(int64_t x, int64_t y) {
  return x ^ y;
}
static inline int64_t edgeq_rvv_smaller(int64_t x, int64_t y) {
  return x < y ? x : y;
}
static inline int64_t edgeq_rvv_larger(int64_t x, int64_t y) {
  return x > y ? x : y;
}
static inline int64_t edgeq_rvv_left(int64_t x, int64_t y) {
  return (int64_t)((uint64_t)x << (y & 31));
}
static inline int64_t edgeq_rvv_right(int64_t x, int64_t y) {
  return x >> (y & 31);
}
static inline int64_t edgeq_rvv_rounded_right(int64_t x, int64_t y) {
  return ((y & 31) == 0 ? x : (x + ((int64_t)1 << ((y & 31) - 1))) >> (y & 31));
}
static inline int64_t edgeq_rvv_limit(int64_t x, int64_t limit) {
  return edgeq_rvv_smaller(edgeq_rvv_larger(x, -limit - 1), limit);
}
static inline int64_t edgeq_rvv_saturating_add_16(int64_t x, int64_t y) {
  return edgeq_rvv_limit(x + y, INT16_MAX);
}
static inline int64_t edgeq_rvv_clip_16(int64_t x, int64_t y) {
  return edgeq_rvv_limit(edgeq_rvv_rounded_right(x, y), INT16_MAX);
}
static inline int64_t edgeq_rvv_clip_8(int64_t x, int64_t y) {
  return edgeq_rvv_limit(edgeq_rvv_rounded_right(x, y), INT8_MAX);
}
static inline int64_t edgeq_rvv_fractional_multiply_32(int64_t x, int64_t y) {
  return edgeq_rvv_limit((x * y + ((int64_t)1 << 30)) >> 31, INT32_MAX);
}
EDGEQ_VECTORS(__riscv_vadd_vv_i32m4, vint32m4_t, int32_t, vint32m4_t, vint32m4_t, edgeq_rvv_add)
EDGEQ_VECTORS(__riscv_vadd_vv_i32m8, vint32m8_t, int32_t, vint32m8_t, vint32m8_t, edgeq_rvv_add)
EDGEQ_VECTORS(__riscv_vsub_vv_i32m8, vint32m8_t, int32_t, vint32m8_t, vint32m8_t, edgeq_rvv_subtract)
EDGEQ_VECTORS(__riscv_vsub_vv_u32m8, vuint32m8_t, uint32_t, vuint32m8_t, vuint32m8_t, edgeq_rvv_subtract)
EDGEQ_VECTORS(__riscv_vxor_vv_i32m8, vint32m8_t, int32_t, vint32m8_t, vint32m8_t, edgeq_rvv_exclusive_or)
EDGEQ_VECTORS(__riscv_vmax_vv_i8m8, vint8m8_t, int8_t, vint8m8_t, vint8m8_t, edgeq_rvv_larger)
EDGEQ_VECTORS(__riscv_vwadd_wv_i32m8, vint32m8_t, int32_t, vint32m8_t, vint16m4_t, edgeq_rvv_add)
EDGEQ_VECTORS(__riscv_vmulhsu_vv_i32m8, vint32m8_t, int32_t, vint32m8_t, vuint32m8_t, edgeq_rvv_multiply_high)
EDGEQ_SCALAR(__riscv_vadd_vx_u32m8, vuint32m8_t, uint32_t, vuint32m8_t, uint32_t, edgeq_rvv_add)
EDGEQ_SCALAR(__riscv_vsub_vx_i16m4, vint16m4_t, int16_t, vint16m4_t, int16_t, edgeq_rvv_subtract)
EDGEQ_SCALAR(__riscv_vmul_vx_u32m8, vuint32m8_t, uint32_t, vuint32m8_t, uint32_t, edgeq_rvv_multiply)
EDGEQ_SCALAR(__riscv_vmax_vx_i8m1, vint8m1_t, int8_t, vint8m1_t, int8_t, edgeq_rvv_larger)
EDGEQ_SCALAR(__riscv_vmax_vx_i8m2, vint8m2_t, int8_t, vint8m2_t, int8_t, edgeq_rvv_larger)
EDGEQ_SCALAR(__riscv_vmin_vx_i8m1, vint8m1_t, int8_t, vint8m1_t, int8_t, edgeq_rvv_smaller)
EDGEQ_SCALAR(__riscv_vmin_vx_i8m2, vint8m2_t, int8_t, vint8m2_t, int8_t, edgeq_rvv_smaller)
EDGEQ_SCALAR(__riscv_vmin_vx_i8m8, vint8m8_t, int8_t, vint8m8_t, int8_t, edgeq_rvv_smaller)
EDGEQ_SCALAR(__riscv_vsll_vx_i32m8, vint32m8_t, int32_t, vint32m8_t, size_t, edgeq_rvv_left)
EDGEQ_SCALAR(__riscv_vsra_vx_i32m4, vint32m4_t, int32_t, vint32m4_t, size_t, edgeq_rvv_right)
EDGEQ_SCALAR(__riscv_vsra_vx_i32m8, vint32m8_t, int32_t, vint32m8_t, size_t, edgeq_rvv_right)
EDGEQ_SCALAR(__riscv_vsrl_vx_u32m8, vuint32m8_t, uint32_t, vuint32m8_t, size_t, edgeq_rvv_right)
EDGEQ_SCALAR(__riscv_vsadd_vx_i16m2, vint16m2_t, int16_t, vint16m2_t, int16_t, edgeq_rvv_saturating_add_16)
EDGEQ_SCALAR(__riscv_vsadd_vx_i16m4, vint16m4_t, int16_t, vint16m4_t, int16_t, edgeq_rvv_saturating_add_16)

/* Fixed point: the rounding is a constant argument, RNU only. */
#define EDGEQ_ROUNDING_VECTORS(name, vector, type, first, second, function)  \
  EDGEQ_INTRINSIC vector name(first a, second b, unsigned vxrm, size_t vl) { \
    (void)vxrm;                                                              \
    EDGEQ_EACH(vector, type, EDGEQ_OF(a.at[i], b.at[i], function));          \
  }
#define EDGEQ_ROUNDING_SCALAR(name, vector, type, first, scalar, function)   \
  EDGEQ_INTRINSIC vector name(first a, scalar b, unsigned vxrm, size_t vl) { \
    (void)vxrm;                                                              \
    EDGEQ_EACH(vector, type, EDGEQ_OF(a.at[i], b, function));                \
  }
EDGEQ_ROUNDING_VECTORS(__riscv_vsmul_vv_i32m4, vint32m4_t, int32_t, vint32m4_t, vint32m4_t,
                       edgeq_rvv_fractional_multiply_32)
EDGEQ_ROUNDING_VECTORS(__riscv_vsmul_vv_i32m8, vint32m8_t, int32_t, vint32m8_t, vint32m8_t,
                       edgeq_rvv_fractional_multiply_32)
EDGEQ_ROUNDING_SCALAR(__riscv_vsmul_vx_i32m8, vint32m8_t, int32_t, vint32m8_t, int32_t,
                      edgeq_rvv_fractional_multiply_32)
EDGEQ_ROUNDING_SCALAR(__riscv_vssra_vx_i32m8, vint32m8_t, int32_t, vint32m8_t, size_t, edgeq_rvv_rounded_right)
EDGEQ_ROUNDING_VECTORS(__riscv_vnclip_wv_i16m2, vint16m2_t, int16_t, vint32m4_t, vuint16m2_t, edgeq_rvv_clip_16)
EDGEQ_ROUNDING_VECTORS(__riscv_vnclip_wv_i16m4, vint16m4_t, int16_t, vint32m8_t, vuint16m4_t, edgeq_rvv_clip_16)
EDGEQ_ROUNDING_SCALAR(__riscv_vnclip_wx_i16m4, vint16m4_t, int16_t, vint32m8_t, size_t, edgeq_rvv_clip_16)
EDGEQ_ROUNDING_SCALAR(__riscv_vnclip_wx_i8m1, vint8m1_t, int8_t, vint16m2_t, size_t, edgeq_rvv_clip_8)
EDGEQ_ROUNDING_SCALAR(__riscv_vnclip_wx_i8m2, vint8m2_t, int8_t, vint16m4_t, size_t, edgeq_rvv_clip_8)

/* Sums of products, twice as wide as the factors. */
EDGEQ_INTRINSIC vint32m8_t __riscv_vwmacc_vv_i32m8(vint32m8_t sums, vint16m4_t a, vint16m4_t b, size_t vl) {
  EDGEQ_EACH(vint32m8_t, int32_t, sums.at[i] + (int64_t)a.at[i] * b.at[i]);
}
EDGEQ_INTRINSIC vint32m4_t __riscv_vwmacc_vx_i32m4(vint32m4_t sums, int16_t a, vint16m2_t b, size_t vl) {
  EDGEQ_EACH(vint32m4_t, int32_t, sums.at[i] + (int64_t)a * b.at[i]);
}
EDGEQ_INTRINSIC vint32m8_t __riscv_vwmacc_vx_i32m8(vint32m8_t sums, int16_t a, vint16m4_t b, size_t vl) {
  EDGEQ_EACH(vint32m8_t, int32_t, sums.at[i] + (int64_t)a * b.at[i]);
}

#endif
