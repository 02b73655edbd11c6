/* Convolution of 3 pixels by 8 registers of channels (32 in registers of 128 bits), for RISC-V cores with vectors.
 *
 * The inner loop takes 42 instructions for 4 taps, 384 MACs (0.11) where a register has 128 bits and there are 32
 * channels or more. The limit is the sums: 3 groups of 8 registers, beside which there is just room for the weights.
 */
#define EDGEQ_PIXELS 3
#define EDGEQ_EACH_PIXEL(f) f(0) f(1) f(2)
#define EDGEQ_SUMS vint32m8_t
#define EDGEQ_WIDENED vint16m4_t
#define EDGEQ_VL(n) __riscv_vsetvl_e16m4(n)
#define EDGEQ_BIAS(p) __riscv_vle32_v_i32m8(p, vl)
#define EDGEQ_WEIGHTS(p) edgeq_rvv_load(p, vl)
#define EDGEQ_ADD(sums, x, w) __riscv_vwmacc_vx_i32m8(sums, x, w, vl)
#define EDGEQ_END edgeq_rvv_finish
#include "pixels_rvv.h"

void edgeq_conv2d_a8_w8_3px__rvv(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  edgeq_for_each_block(layer, input, output, scratch);
}
