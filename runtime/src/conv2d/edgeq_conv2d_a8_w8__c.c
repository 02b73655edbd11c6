/* Convolution of any shape: groups, strides, dilations, padding.
 *
 * Output by output, tap by tap, straight from the input; weights [o][ky][kx][c]. Taps in the padding read the input's
 * zero point. Small rather than fast: the inner loop has two loads, multiply, add, count and branch per MAC: 7, 5 and 7
 * instructions on Cortex-M0+, M3 and RV32IMC, and 20 to 50 per tap position.
 */
#include "edgeq/edgeq_conv2d.h"

#include "edgeq/edgeq_requantize.h"

/* The sum over one window; `group_input` is the first channel of the group at row 0, column 0. */
static int32_t window_sum(const edgeq_conv2d_t *layer, const int8_t *group_input, const int8_t *weights, int32_t top,
                          int32_t left) {
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
        const int8_t *values = group_input + (y * layer->in_w + x) * layer->in_c;
        while (weights != end) {
          sum += *values++ * *weights++;
        }
      }
    }
  }
  return sum;
}

void edgeq_conv2d_a8_w8__c(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t taps = layer->kernel_h * layer->kernel_w * layer->group_in_c;
  (void)scratch;
  for (int32_t oy = 0; oy < layer->out_h; oy++) {
    for (int32_t ox = 0; ox < layer->out_w; ox++) {
      const int32_t top = oy * layer->stride_h - layer->pad_top;
      const int32_t left = ox * layer->stride_w - layer->pad_left;
      const int8_t *group_input = input;
      const int8_t *weights = layer->weights;
      int32_t o = 0;
      for (int32_t group = 0; group < layer->groups; group++) {
        for (int32_t i = 0; i < layer->group_out_c; i++, o++) {
          const int32_t sum = layer->bias[o] + window_sum(layer, group_input, weights, top, left);
          const int32_t scaled = edgeq_requantize(sum, layer->multiplier[o], layer->shift[o]);
          *output++ = edgeq_output(scaled, layer->output_zero_point, layer->clamp_min, layer->clamp_max);
          weights += taps;
        }
        group_input += layer->group_in_c;
      }
    }
  }
}
