/* Addition of operands that lie as the output does, for RISC-V cores with vectors, 32 elements at a time where a
 * register has 128 bits.
 *
 * TFLite's steps as they are: each operand times 2^20 and its factor, the sum times the output's, every factor with two
 * roundings. About 30 instructions per vector; the limit is the roundings half away from zero, two more each.
 */
#include "edgeq/edgeq_add.h"
#include "edgeq/edgeq_rvv.h"

/* One operand's constants. A multiplier of 2^31 does not fit: half of it, and one more bit of headroom, is the same. */
typedef struct {
  int16_t zero_point;
  int32_t multiplier;
  size_t headroom, right;
} operand_t;

static inline operand_t operand(int32_t zero_point, int32_t high, int32_t low, int32_t shift) {
  const int32_t whole = high >> 20;
  const operand_t made = {(int16_t)zero_point, whole ? 1 << 30 : high * 2048 + low, (size_t)(20 + whole),
                          (size_t)shift};
  return made;
}

/* vl elements at the common scale. */
static inline vint32m8_t common(const int8_t *from, const operand_t *o, size_t vl) {
  const vint16m4_t x = __riscv_vsub_vx_i16m4(edgeq_rvv_load(from, vl), o->zero_point, vl);
  const vint32m8_t wide = __riscv_vsll_vx_i32m8(__riscv_vsext_vf2_i32m8(x, vl), o->headroom, vl);
  const vint32m8_t high = __riscv_vsmul_vx_i32m8(wide, o->multiplier, __RISCV_VXRM_RNU, vl);
  return __riscv_vssra_vx_i32m8(edgeq_rvv_away(high, vl), o->right, __RISCV_VXRM_RNU, vl);
}

void edgeq_add_a8__rvv(const edgeq_add_t *layer, const int8_t *a, const int8_t *b, int8_t *output, void *scratch) {
  const operand_t of_a = operand(layer->a_zero_point, layer->a_high, layer->a_low, layer->a_shift);
  const operand_t of_b = operand(layer->b_zero_point, layer->b_high, layer->b_low, layer->b_shift);
  const edgeq_rvv_output_t end = edgeq_rvv_output(layer->output_zero_point, layer->clamp_min, layer->clamp_max);
  const int32_t multiplier = layer->multiplier;
  const size_t right = (size_t)layer->right;
  (void)scratch;
  for (int32_t o = 0; o < layer->outer; o++) {
    for (int32_t m = 0; m < layer->middle; m++) {
      const int8_t *a_next = a + o * layer->a_outer + m * layer->a_middle;
      const int8_t *b_next = b + o * layer->b_outer + m * layer->b_middle;
      size_t vl = 0;
      for (int32_t rest = layer->inner; rest > 0; rest -= (int32_t)vl, a_next += vl, b_next += vl, output += vl) {
        vl = __riscv_vsetvl_e16m4((size_t)rest);
        const vint32m8_t sum = __riscv_vadd_vv_i32m8(common(a_next, &of_a, vl), common(b_next, &of_b, vl), vl);
        const vint32m8_t high = __riscv_vsmul_vx_i32m8(sum, multiplier, __RISCV_VXRM_RNU, vl);
        const vint32m8_t away = edgeq_rvv_away(high, vl);
        edgeq_rvv_store(output, __riscv_vnclip_wx_i16m4(away, right, __RISCV_VXRM_RNU, vl), &end, vl);
      }
    }
  }
}
