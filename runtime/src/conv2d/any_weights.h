/* Convolutions of any shape with small weights: the body of edgeq_conv2d_a8_<weights>__c.
 *
 * The including file defines EDGEQ_KERNEL, EDGEQ_UNPACK(row, count, values), which makes int8 of an output channel's
 * row of weights and returns the byte behind it. Channel by channel, so that a row is unpacked once,
 * into the scratch. Taps in the padding read the input's zero point. Small rather than fast. */
#include "edgeq/edgeq_conv2d.h"
#include "edgeq/edgeq_dot.h"
#include "edgeq/edgeq_requantize.h"
#include "edgeq/edgeq_unpack_rows.h"

/* The sum over one window; `input` is the first channel of the group at row 0, column 0. */
static int32_t window_sum(const edgeq_conv2d_t *layer, const int8_t *input, const int8_t *weights, int32_t top,
                          int32_t left) {
  const int32_t run = layer->group_in_c;
  int32_t sum = 0;
  int32_t y = top;
  for (int32_t ky = 0; ky < layer->kernel_h; ky++, y += layer->dilation_h) {
    int32_t x = left;
    for (int32_t kx = 0; kx < layer->kernel_w; kx++, x += layer->dilation_w) {
      if (y >= 0 && y < layer->in_h && x >= 0 && x < layer->in_w) {
        sum = edgeq_dot(input + (y * layer->in_w + x) * layer->in_c, weights, run, sum);
      } else {
        for (int32_t c = 0; c < run; c++) {
          sum += layer->input_zero_point * weights[c];
        }
      }
      weights += run;
    }
  }
  return sum;
}

/* All outputs of channel o, which reads the group whose first channel is `input`. */
static void channel(const edgeq_conv2d_t *layer, int32_t o, const int8_t *input, const int8_t *weights,
                    int8_t *output) {
  const int32_t multiplier = edgeq_factor_multiplier(layer->multiplier, layer->shift, o);
  const int32_t shift = edgeq_factor_shift(layer->multiplier, layer->shift, o), bias = layer->bias[o];
  int32_t top = -layer->pad_top;
  output += o;
  for (int32_t oy = 0; oy < layer->out_h; oy++, top += layer->stride_h) {
    int32_t left = -layer->pad_left;
    for (int32_t ox = 0; ox < layer->out_w; ox++, left += layer->stride_w, output += layer->out_c) {
      const int32_t sum = bias + window_sum(layer, input, weights, top, left);
      const int32_t scaled = edgeq_requantize(sum, multiplier, shift);
      *output = edgeq_output(scaled, layer->output_zero_point, layer->clamp_min, layer->clamp_max);
    }
  }
}

void EDGEQ_KERNEL(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t taps = layer->kernel_h * layer->kernel_w * layer->group_in_c;
  const uint8_t *weights = (const uint8_t *)layer->weights;
  int8_t *const values = (int8_t *)scratch;
  int32_t o = 0;
  for (int32_t group = 0; group < layer->groups; group++, input += layer->group_in_c) {
    for (int32_t i = 0; i < layer->group_out_c; i++, o++) {
      weights = EDGEQ_UNPACK(weights, taps, values);
      channel(layer, o, input, values, output);
    }
  }
}
