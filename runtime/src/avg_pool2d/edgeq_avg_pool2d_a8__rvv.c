/* Average pooling of any shape, for RISC-V cores with vectors: as many channels as a vector has (32 in registers of 128
 * bits), six instructions per tap, and about 20 for their means. */
#include "edgeq/edgeq_rvv.h"
#include "windows.h"

/* The means of vl sums: halves away from zero, the quotient by a multiplication that is right or one too large. */
static inline vint32m8_t means(const edgeq_window_t *window, vint32m8_t sums, size_t vl) {
  const vint32m8_t sign = __riscv_vsra_vx_i32m8(sums, 31, vl);
  const vint32m8_t size = __riscv_vsub_vv_i32m8(__riscv_vxor_vv_i32m8(sums, sign, vl), sign, vl);
  const vuint32m8_t dividend =
      __riscv_vadd_vx_u32m8(__riscv_vreinterpret_v_i32m8_u32m8(size), (uint32_t)window->count >> 1, vl);
  const vuint32m8_t quotient = __riscv_vsrl_vx_u32m8(__riscv_vmul_vx_u32m8(dividend, window->reciprocal, vl), 24, vl);
  const vuint32m8_t rest =
      __riscv_vsub_vv_u32m8(dividend, __riscv_vmul_vx_u32m8(quotient, (uint32_t)window->count, vl), vl);
  const vint32m8_t borrow = __riscv_vsra_vx_i32m8(__riscv_vreinterpret_v_u32m8_i32m8(rest), 31, vl);
  const vint32m8_t mean = __riscv_vadd_vv_i32m8(__riscv_vreinterpret_v_u32m8_i32m8(quotient), borrow, vl);
  return __riscv_vsub_vv_i32m8(__riscv_vxor_vv_i32m8(mean, sign, vl), sign, vl);
}

static inline int8_t *channels(const edgeq_avg_pool2d_t *layer, const edgeq_window_t *window, int8_t *output) {
  const edgeq_rvv_output_t end = edgeq_rvv_output(0, layer->clamp_min, layer->clamp_max);
  const int32_t in_c = layer->in_c, to_next_row = window->to_next_row;
  size_t vl = 0;
  for (int32_t c = 0; c < in_c; c += (int32_t)vl, output += vl) {
    const int8_t *tap = window->first + c;
    vl = __riscv_vsetvl_e16m4((size_t)(in_c - c));
    vint32m8_t sums = __riscv_vmv_v_x_i32m8(window->padding, vl);
    for (int32_t i = window->rows; i > 0; i--, tap += to_next_row) {
      for (int32_t j = window->columns; j > 0; j--, tap += in_c)
        sums = __riscv_vwadd_wv_i32m8(sums, edgeq_rvv_load(tap, vl), vl);
    }
    edgeq_rvv_store(output, __riscv_vncvt_x_x_w_i16m4(means(window, sums, vl), vl), &end, vl);
  }
  return output;
}

void edgeq_avg_pool2d_a8__rvv(const edgeq_avg_pool2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  (void)scratch;
  edgeq_for_each_window(layer, input, output, channels);
}
