/* Maximum pooling of any shape, for RISC-V cores with vectors: as many channels as a vector has (128 in registers of
 * 128 bits), five instructions per tap. */
#include "edgeq/edgeq_max_pool2d.h"
#include "edgeq/edgeq_rvv.h"

/* All channels of one window of `rows` by `columns` taps. */
static inline void window(const edgeq_max_pool2d_t *layer, const int8_t *first, int32_t rows, int32_t columns,
                          int8_t *output) {
  const int32_t in_c = layer->in_c, to_next_row = (layer->in_w - columns) * in_c;
  const int8_t low = (int8_t)layer->clamp_min, high = (int8_t)layer->clamp_max;
  size_t vl = 0;
  for (int32_t c = 0; c < in_c; c += (int32_t)vl) {
    const int8_t *tap = first + c;
    vl = __riscv_vsetvl_e8m8((size_t)(in_c - c));
    vint8m8_t largest = __riscv_vmv_v_x_i8m8(low, vl);
    for (int32_t i = rows; i > 0; i--, tap += to_next_row) {
      for (int32_t j = columns; j > 0; j--, tap += in_c)
        largest = __riscv_vmax_vv_i8m8(largest, __riscv_vle8_v_i8m8(tap, vl), vl);
    }
    __riscv_vse8_v_i8m8(output + c, __riscv_vmin_vx_i8m8(largest, high, vl), vl);
  }
}

void edgeq_max_pool2d_a8__rvv(const edgeq_max_pool2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  (void)scratch;
  for (int32_t y = 0, top = -layer->pad_top; y < layer->out_h; y++, top += layer->stride_h) {
    const int32_t row = top < 0 ? 0 : top;
    const int32_t row_end = top + layer->kernel_h > layer->in_h ? layer->in_h : top + layer->kernel_h;
    for (int32_t x = 0, left = -layer->pad_left; x < layer->out_w; x++, left += layer->stride_w) {
      const int32_t column = left < 0 ? 0 : left;
      const int32_t column_end = left + layer->kernel_w > layer->in_w ? layer->in_w : left + layer->kernel_w;
      window(layer, input + (row * layer->in_w + column) * layer->in_c, row_end - row, column_end - column, output);
      output += layer->in_c;
    }
  }
}
