/* Convolution of 6 pixels by 4 registers of channels (16 in registers of 128 bits), for RISC-V cores with vectors: for
 * layers with fewer channels than 8 registers have.
 *
 * The inner loop takes 70 instructions for 4 taps, 384 MACs (0.18) where a register has 128 bits and there are 16
 * channels or more; the limit is one scalar load per pixel and tap.
 */
#define EDGEQ_PIXELS 6
#define EDGEQ_EACH_PIXEL(f) f(0) f(1) f(2) f(3) f(4) f(5)
#define EDGEQ_SUMS vint32m4_t
#define EDGEQ_WIDENED vint16m2_t
#define EDGEQ_VL(n) __riscv_vsetvl_e16m2(n)
#define EDGEQ_BIAS(p) __riscv_vle32_v_i32m4(p, vl)
#define EDGEQ_WEIGHTS(p) __riscv_vsext_vf2_i16m2(__riscv_vle8_v_i8m1(p, vl), vl)
#define EDGEQ_ADD(sums, x, w) __riscv_vwmacc_vx_i32m4(sums, x, w, vl)
#define EDGEQ_END edgeq_rvv_finish_4
#include "pixels_rvv.h"

void edgeq_conv2d_a8_w8_6px__rvv(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  edgeq_for_each_block(layer, input, output, scratch);
}
