/* Depthwise convolutions with levels, any shape, any activations, any weights: the body of
 * edgeq_depthwise_conv2d_ax_<weights>_levels__c.
 *
 * The including file defines EDGEQ_KERNEL, EDGEQ_WEIGHT(row, i) and EDGEQ_WEIGHT_BITS. Element by element, for shapes
 * and formats that have no kernel of their own: 30 to 40 instructions per MAC, most of them to find the fields. */
#include "edgeq/edgeq_depthwise_conv2d_levels.h"
#include "edgeq/edgeq_levels.h"

/* The sum over one window of input channel `channel`; `weights` is the output channel's row. */
static int32_t window_sum(const edgeq_depthwise_conv2d_levels_t *layer, const uint8_t *input, const uint8_t *weights,
                          int32_t top, int32_t left, int32_t channel) {
  const int32_t pixel_bytes = edgeq_row_bytes(layer->in_c, layer->input_bits);
  int32_t sum = 0;
  uint32_t tap = 0;
  for (int32_t ky = 0, y = top; ky < layer->kernel_h; ky++, y += layer->dilation_h) {
    for (int32_t kx = 0, x = left; kx < layer->kernel_w; kx++, x += layer->dilation_w, tap++) {
      int32_t value = layer->input_zero_point;
      if (y >= 0 && y < layer->in_h && x >= 0 && x < layer->in_w) {
        const uint8_t *pixel = input + (y * layer->in_w + x) * pixel_bytes;
        value = edgeq_row_element(pixel, channel, layer->input_bits, layer->input_kind);
      }
      sum += value * EDGEQ_WEIGHT(weights, tap);
    }
  }
  return sum;
}

void EDGEQ_KERNEL(const edgeq_depthwise_conv2d_levels_t *layer, const void *input, void *output, void *scratch) {
  const int32_t weight_bytes = edgeq_row_bytes(layer->kernel_h * layer->kernel_w, EDGEQ_WEIGHT_BITS);
  edgeq_row_writer_t writer = {(uint8_t *)output, 0, 0, layer->output_bits};
  int32_t *sums = (int32_t *)output;
  (void)scratch;
  for (int32_t oy = 0; oy < layer->out_h; oy++) {
    for (int32_t ox = 0; ox < layer->out_w; ox++) {
      const int32_t top = oy * layer->stride_h - layer->pad_top;
      const int32_t left = ox * layer->stride_w - layer->pad_left;
      const uint8_t *weights = (const uint8_t *)layer->weights;
      int32_t o = 0;
      for (int32_t channel = 0; channel < layer->in_c; channel++) {
        for (int32_t i = 0; i < layer->depth_multiplier; i++, o++) {
          const int32_t sum = window_sum(layer, (const uint8_t *)input, weights, top, left, channel);
          EDGEQ_LEVELS_STORE(layer, o, sum, sums, &writer);
          weights += weight_bytes;
        }
      }
      edgeq_row_end(&writer);
    }
  }
}
