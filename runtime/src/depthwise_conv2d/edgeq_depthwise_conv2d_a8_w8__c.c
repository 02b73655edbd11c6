/* Depthwise convolution of any shape: depth multiplier, strides, dilations, padding.
 *
 * Output by output, tap by tap, straight from the input; weights [ky][kx][o]. Taps in the padding read the input's
 * zero point. Small rather than fast: per tap a border check, two loads, multiply, add and three address steps: 31, 24
 * and 20 instructions per MAC on Cortex-M0+, M3 and RV32IMC.
 */
#include "edgeq/edgeq_depthwise_conv2d.h"

#include "edgeq/edgeq_requantize.h"

/* The sum over one window; `values` is the channel at row 0, column 0, `weights` the channel's first tap. */
static int32_t window_sum(const edgeq_depthwise_conv2d_t *layer, const int8_t *values, const int8_t *weights,
                          int32_t top, int32_t left) {
  int32_t sum = 0;
  int32_t y = top;
  for (int32_t ky = 0; ky < layer->kernel_h; ky++, y += layer->dilation_h) {
    int32_t x = left;
    for (int32_t kx = 0; kx < layer->kernel_w; kx++, x += layer->dilation_w) {
      const int inside = y >= 0 && y < layer->in_h && x >= 0 && x < layer->in_w;
      const int32_t value = inside ? values[(y * layer->in_w + x) * layer->in_c] : layer->input_zero_point;
      sum += value * *weights;
      weights += layer->out_c;
    }
  }
  return sum;
}

void edgeq_depthwise_conv2d_a8_w8__c(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                     void *scratch) {
  (void)scratch;
  for (int32_t oy = 0; oy < layer->out_h; oy++) {
    for (int32_t ox = 0; ox < layer->out_w; ox++) {
      const int32_t top = oy * layer->stride_h - layer->pad_top;
      const int32_t left = ox * layer->stride_w - layer->pad_left;
      int32_t o = 0;
      for (int32_t c = 0; c < layer->in_c; c++) {
        for (int32_t i = 0; i < layer->depth_multiplier; i++, o++) {
          const int32_t sum = layer->bias[o] + window_sum(layer, input + c, layer->weights + o, top, left);
          const int32_t scaled = edgeq_requantize(sum, layer->multiplier[o], layer->shift[o]);
          *output++ = edgeq_output(scaled, layer->output_zero_point, layer->clamp_min, layer->clamp_max);
        }
      }
    }
  }
}
