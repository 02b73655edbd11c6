/* What the kernels for RISC-V cores with vectors (Zve32x) share: widening, and the end of outputs. Nothing here knows
 * how long a vector is; `vl` is what vsetvl gave. Sums are groups of 8 registers, so 32 at a time where a register has
 * 128 bits. Included by sources that are compiled for such cores only. */
#ifndef EDGEQ_RVV_H
#define EDGEQ_RVV_H

#include <riscv_vector.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Loads after it stay after it: pulled forward, they would need more vector registers than there are. */
#define EDGEQ_RVV_FENCE() __asm__ volatile("" ::: "memory")

/* What does not change from output to output; a copy, because for all the compiler knows a store of int8_t may change
 * the layer. */
typedef struct {
  int16_t zero_point;
  int8_t low, high;
} edgeq_rvv_output_t;

static inline edgeq_rvv_output_t edgeq_rvv_output(int32_t zero_point, int32_t low, int32_t high) {
  const edgeq_rvv_output_t made = {(int16_t)zero_point, (int8_t)low, (int8_t)high};
  return made;
}

/* from[0 .. vl) in 16 bits. */
static inline vint16m4_t edgeq_rvv_load(const int8_t *from, size_t vl) {
  return __riscv_vsext_vf2_i16m4(__riscv_vle8_v_i8m2(from, vl), vl);
}

/* What makes the rounding half up of the shift after it one of half away from zero: x - (x < 0). */
static inline vint32m8_t edgeq_rvv_away(vint32m8_t x, size_t vl) {
  return __riscv_vadd_vv_i32m8(x, __riscv_vsra_vx_i32m8(x, 31, vl), vl);
}

/* Adds the zero point, limits and stores outputs that saturated at 16 bits: those are out of range either way. */
static inline void edgeq_rvv_store(int8_t *output, vint16m4_t x, const edgeq_rvv_output_t *o, size_t vl) {
  const vint16m4_t moved = __riscv_vsadd_vx_i16m4(x, o->zero_point, vl);
  const vint8m2_t y = __riscv_vnclip_wx_i8m2(moved, 0, __RISCV_VXRM_RNU, vl);
  __riscv_vse8_v_i8m2(output, __riscv_vmin_vx_i8m2(__riscv_vmax_vx_i8m2(y, o->low, vl), o->high, vl), vl);
}

/* high * 2^-right per channel, rounded half up, saturated at 16 bits. right: [1, 31]. */
static inline vint16m4_t edgeq_rvv_shift(vint32m8_t high, const int8_t *right, size_t vl) {
  const vuint8m2_t bytes = __riscv_vle8_v_u8m2((const uint8_t *)right, vl);
  return __riscv_vnclip_wv_i16m4(high, __riscv_vzext_vf2_u16m4(bytes, vl), __RISCV_VXRM_RNU, vl);
}

/* vl sums, requantized with TFLite's double rounding. right: [1, 31]. 13 instructions beside the switches of vtype. */
static inline void edgeq_rvv_finish(int8_t *output, vint32m8_t sums, const int32_t *multiplier, const int8_t *right,
                                    const edgeq_rvv_output_t *o, size_t vl) {
  const vint32m8_t factor = __riscv_vle32_v_i32m8(multiplier, vl);
  const vint32m8_t high = __riscv_vsmul_vv_i32m8(sums, factor, __RISCV_VXRM_RNU, vl);
  edgeq_rvv_store(output, edgeq_rvv_shift(edgeq_rvv_away(high, vl), right, vl), o, vl);
}

/* The same for groups of 4 registers. */
static inline void edgeq_rvv_finish_4(int8_t *output, vint32m4_t sums, const int32_t *multiplier, const int8_t *right,
                                      const edgeq_rvv_output_t *o, size_t vl) {
  const vint32m4_t factor = __riscv_vle32_v_i32m4(multiplier, vl);
  const vint32m4_t high = __riscv_vsmul_vv_i32m4(sums, factor, __RISCV_VXRM_RNU, vl);
  const vint32m4_t away = __riscv_vadd_vv_i32m4(high, __riscv_vsra_vx_i32m4(high, 31, vl), vl);
  const vuint16m2_t by = __riscv_vzext_vf2_u16m2(__riscv_vle8_v_u8m1((const uint8_t *)right, vl), vl);
  const vint16m2_t x = __riscv_vnclip_wv_i16m2(away, by, __RISCV_VXRM_RNU, vl);
  const vint8m1_t y = __riscv_vnclip_wx_i8m1(__riscv_vsadd_vx_i16m2(x, o->zero_point, vl), 0, __RISCV_VXRM_RNU, vl);
  __riscv_vse8_v_i8m1(output, __riscv_vmin_vx_i8m1(__riscv_vmax_vx_i8m1(y, o->low, vl), o->high, vl), vl);
}

/* The same with a single rounding, half up, which is half away from zero where no sum is a tie. doubled: twice the
 * multiplier, so that the high half of the product is the floored one. */
static inline void edgeq_rvv_finish_once(int8_t *output, vint32m8_t sums, const int32_t *doubled, const int8_t *right,
                                         const edgeq_rvv_output_t *o, size_t vl) {
  const vuint32m8_t factor = __riscv_vle32_v_u32m8((const uint32_t *)(const void *)doubled, vl);
  const vint32m8_t high = __riscv_vmulhsu_vv_i32m8(sums, factor, vl);
  edgeq_rvv_store(output, edgeq_rvv_shift(high, right, vl), o, vl);
}

/* Copies `count` bytes; count may be 0. */
static inline void edgeq_rvv_copy(int8_t *to, const int8_t *from, int32_t count) {
  while (count > 0) {
    const size_t vl = __riscv_vsetvl_e8m8((size_t)count);
    __riscv_vse8_v_i8m8(to, __riscv_vle8_v_i8m8(from, vl), vl);
    to += vl;
    from += vl;
    count -= (int32_t)vl;
  }
}

/* Writes `value` into `count` bytes; count may be 0. */
static inline void edgeq_rvv_fill(int8_t *to, int32_t value, int32_t count) {
  while (count > 0) {
    const size_t vl = __riscv_vsetvl_e8m8((size_t)count);
    __riscv_vse8_v_i8m8(to, __riscv_vmv_v_x_i8m8((int8_t)value, vl), vl);
    to += vl;
    count -= (int32_t)vl;
  }
}

#ifdef __cplusplus
}
#endif

#endif
