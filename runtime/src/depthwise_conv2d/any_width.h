/* Depthwise convolutions of any shape: the body of the plain kernels for int8 and int16.
 *
 * The including file defines EDGEQ_KERNEL, and the types EDGEQ_INPUT and EDGEQ_OUTPUT. */
#include "edgeq/edgeq_depthwise_conv2d.h"

#include "edgeq/edgeq_requantize.h"

/* The sum over one window; `values` is the channel at row 0, column 0, `weights` the channel's first tap. */
static int32_t window_sum(const edgeq_depthwise_conv2d_t *layer, const EDGEQ_INPUT *values, const int8_t *weights,
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

void EDGEQ_KERNEL(const edgeq_depthwise_conv2d_t *layer, const EDGEQ_INPUT *input, EDGEQ_OUTPUT *output,
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
          *output++ = (EDGEQ_OUTPUT)edgeq_limited(scaled, layer->output_zero_point, layer->clamp_min, layer->clamp_max);
        }
      }
    }
  }
}
