/* Fully connected layer by as many outputs as a vector has (32 in registers of 128 bits), for RISC-V cores with
 * vectors.
 *
 * Lanes are outputs: every input is multiplied by its weights of all of them. Weights are packed [i][o].
 *
 * The inner loop takes 5 instructions for 32 MACs, and 2 per four of them (0.17), where a register has 128 bits and
 * there are 32 outputs or more; the limit is one load, one widening and one address per multiplication.
 */
#include "edgeq/edgeq_dense.h"
#include "edgeq/edgeq_rvv.h"

void edgeq_dense_a8_w8__rvv(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const edgeq_rvv_output_t end = edgeq_rvv_output(layer->output_zero_point, layer->clamp_min, layer->clamp_max);
  const int32_t in_c = layer->in_c, out_c = layer->out_c;
  const int8_t *const weights = layer->weights;
  const int32_t *const bias = layer->bias, *const doubled = layer->multiplier;
  const int8_t *const right = layer->shift;
  size_t vl = 0;
  (void)scratch;
  for (int32_t row = 0; row < layer->rows; row++, input += in_c, output += out_c) {
    for (int32_t o = 0; o < out_c; o += (int32_t)vl) {
      const int8_t *x = input, *w = weights + o;
      int32_t open = in_c;
      vl = __riscv_vsetvl_e16m4((size_t)(out_c - o));
      vint32m8_t sums = __riscv_vle32_v_i32m8(bias + o, vl);
      for (; open >= 4; open -= 4, x += 4) {
        sums = __riscv_vwmacc_vx_i32m8(sums, x[0], edgeq_rvv_load(w, vl), vl);
        w += out_c;
        sums = __riscv_vwmacc_vx_i32m8(sums, x[1], edgeq_rvv_load(w, vl), vl);
        w += out_c;
        sums = __riscv_vwmacc_vx_i32m8(sums, x[2], edgeq_rvv_load(w, vl), vl);
        w += out_c;
        sums = __riscv_vwmacc_vx_i32m8(sums, x[3], edgeq_rvv_load(w, vl), vl);
        w += out_c;
      }
      for (; open > 0; open--, w += out_c) {
        sums = __riscv_vwmacc_vx_i32m8(sums, *x++, edgeq_rvv_load(w, vl), vl);
      }
      edgeq_rvv_finish_once(output + o, sums, doubled + o, right + o, &end, vl);
    }
  }
}
