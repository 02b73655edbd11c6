/* Convolutions with levels, any shape, any activations, any weights: the body of
 * edgeq_conv2d_ax_<weights>_levels__c.
 *
 * The including file defines EDGEQ_KERNEL, EDGEQ_WEIGHT(row, i) and EDGEQ_WEIGHT_BITS. Element by element, for shapes
 * and formats that have no kernel of their own: 20 to 30 instructions per MAC, most of them to find the fields. */
#include "edgeq/edgeq_conv2d_levels.h"
#include "edgeq/edgeq_levels.h"

/* The sum over one window; `channel` is the first of the group, `weights` the output channel's row. */
static int32_t window_sum(const edgeq_conv2d_levels_t *layer, const uint8_t *input, const uint8_t *weights, int32_t top,
                          int32_t left, int32_t channel) {
  const int32_t pixel_bytes = edgeq_row_bytes(layer->in_c, layer->input_bits);
  int32_t sum = 0;
  uint32_t tap = 0;
  for (int32_t ky = 0, y = top; ky < layer->kernel_h; ky++, y += layer->dilation_h) {
    for (int32_t kx = 0, x = left; kx < layer->kernel_w; kx++, x += layer->dilation_w) {
      const int outside = y < 0 || y >= layer->in_h || x < 0 || x >= layer->in_w;
      const uint8_t *pixel = outside ? input : input + (y * layer->in_w + x) * pixel_bytes;
      for (int32_t c = 0; c < layer->group_in_c; c++, tap++) {
        const int32_t value = outside ? layer->input_zero_point
                                      : edgeq_row_element(pixel, channel + c, layer->input_bits, layer->input_kind);
        sum += value * EDGEQ_WEIGHT(weights, tap);
      }
    }
  }
  return sum;
}

void EDGEQ_KERNEL(const edgeq_conv2d_levels_t *layer, const void *input, void *output, void *scratch) {
  const int32_t weight_bytes =
      edgeq_row_bytes(layer->kernel_h * layer->kernel_w * layer->group_in_c, EDGEQ_WEIGHT_BITS);
  edgeq_row_writer_t writer = {(uint8_t *)output, 0, 0, layer->output_bits};
  int32_t *sums = (int32_t *)output;
  (void)scratch;
  for (int32_t oy = 0; oy < layer->out_h; oy++) {
    for (int32_t ox = 0; ox < layer->out_w; ox++) {
      const int32_t top = oy * layer->stride_h - layer->pad_top;
      const int32_t left = ox * layer->stride_w - layer->pad_left;
      const uint8_t *weights = (const uint8_t *)layer->weights;
      int32_t o = 0;
      for (int32_t group = 0; group < layer->groups; group++) {
        for (int32_t i = 0; i < layer->group_out_c; i++, o++) {
          const int32_t sum = window_sum(layer, (const uint8_t *)input, weights, top, left, group * layer->group_in_c);
          EDGEQ_LEVELS_STORE(layer, o, sum, sums, &writer);
          weights += weight_bytes;
        }
      }
      edgeq_row_end(&writer);
    }
  }
}
