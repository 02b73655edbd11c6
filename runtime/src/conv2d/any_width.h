/* Convolutions of any shape: the body of the plain kernels for int8 and int16.
 *
 * The including file defines EDGEQ_KERNEL, and the types EDGEQ_INPUT and EDGEQ_OUTPUT. */
#include "edgeq/edgeq_conv2d.h"

#include "edgeq/edgeq_requantize.h"

/* The sum over one window; `group_input` is the first channel of the group at row 0, column 0. */
static int32_t window_sum(const edgeq_conv2d_t *layer, const EDGEQ_INPUT *group_input, const int8_t *weights,
                          int32_t top, int32_t left) {
  int32_t sum = 0;
  int32_t y = top;
  for (int32_t ky = 0; ky < layer->kernel_h; ky++, y += layer->dilation_h) {
    int32_t x = left;
    for (int32_t kx = 0; kx < layer->kernel_w; kx++, x += layer->dilation_w) {
      const int8_t *const end = weights + layer->group_in_c;
      if (y < 0 || y >= layer->in_h || x < 0 || x >= layer->in_w) {
        while (weights != end) {
          sum += layer->input_zero_point * *weights++;
        }
      } else {
        const EDGEQ_INPUT *values = group_input + (y * layer->in_w + x) * layer->in_c;
        while (weights != end) {
          sum += *values++ * *weights++;
        }
      }
    }
  }
  return sum;
}

void EDGEQ_KERNEL(const edgeq_conv2d_t *layer, const EDGEQ_INPUT *input, EDGEQ_OUTPUT *output, void *scratch) {
  const int32_t taps = layer->kernel_h * layer->kernel_w * layer->group_in_c;
  (void)scratch;
  for (int32_t oy = 0; oy < layer->out_h; oy++) {
    for (int32_t ox = 0; ox < layer->out_w; ox++) {
      const int32_t top = oy * layer->stride_h - layer->pad_top;
      const int32_t left = ox * layer->stride_w - layer->pad_left;
      const EDGEQ_INPUT *group_input = input;
      const int8_t *weights = layer->weights;
      int32_t o = 0;
      for (int32_t group = 0; group < layer->groups; group++) {
        for (int32_t i = 0; i < layer->group_out_c; i++, o++) {
          const int32_t sum = layer->bias[o] + window_sum(layer, group_input, weights, top, left);
          const int32_t scaled = edgeq_requantize(sum, layer->multiplier[o], layer->shift[o]);
          *output++ = (EDGEQ_OUTPUT)edgeq_limited(scaled, layer->output_zero_point, layer->clamp_min, layer->clamp_max);
          weights += taps;
        }
        group_input += layer->group_in_c;
      }
    }
  }
}
