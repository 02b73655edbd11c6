/* Convolutions of any shape with int16 in or out: the body of edgeq_conv2d_a8_w8_to16__c and those of int16 inputs.
 *
 * The including file defines EDGEQ_KERNEL, and the types EDGEQ_INPUT and EDGEQ_OUTPUT. Pixel by pixel, group by group:
 * the window is gathered into the scratch, once for all outputs of the group, unless it lies in one piece; taps in the
 * padding hold the input's zero point. Two loads, a multiplication and an addition per MAC, and a quarter of the loop.
 */
#include "edgeq/edgeq_conv2d.h"
#include "edgeq/edgeq_requantize.h"

/* The window whose first tap lies at row `top`, column `left`; `input` is the group's first channel. */
static const EDGEQ_INPUT *window(const edgeq_conv2d_t *layer, const EDGEQ_INPUT *input, int32_t top, int32_t left,
                                 EDGEQ_INPUT *gathered) {
  const int32_t run = layer->group_in_c, in_c = layer->in_c, in_w = layer->in_w;
  EDGEQ_INPUT *to = gathered;
  int32_t y = top;
  if (layer->kernel_h * layer->kernel_w == 1 && layer->pad_top == 0 && layer->pad_left == 0 && top < layer->in_h &&
      left < in_w) {
    return input + (top * in_w + left) * in_c;
  }
  for (int32_t ky = 0; ky < layer->kernel_h; ky++, y += layer->dilation_h) {
    const int row_inside = y >= 0 && y < layer->in_h;
    int32_t x = left;
    for (int32_t kx = 0; kx < layer->kernel_w; kx++, x += layer->dilation_w) {
      if (row_inside && x >= 0 && x < in_w) {
        const EDGEQ_INPUT *from = input + (y * in_w + x) * in_c;
        for (int32_t c = run; c > 0; c--) {
          *to++ = *from++;
        }
      } else {
        for (int32_t c = run; c > 0; c--) {
          *to++ = (EDGEQ_INPUT)layer->input_zero_point;
        }
      }
    }
  }
  return gathered;
}

static int32_t dot(const EDGEQ_INPUT *x, const int8_t *w, int32_t count, int32_t sum) {
  const int8_t *const end = w + count;
  while (end - w >= 4) {
    sum += x[0] * w[0];
    sum += x[1] * w[1];
    sum += x[2] * w[2];
    sum += x[3] * w[3];
    x += 4;
    w += 4;
  }
  while (w != end) {
    sum += *x++ * *w++;
  }
  return sum;
}

void EDGEQ_KERNEL(const edgeq_conv2d_t *layer, const EDGEQ_INPUT *input, EDGEQ_OUTPUT *output, void *scratch) {
  const int32_t taps = layer->kernel_h * layer->kernel_w * layer->group_in_c;
  int32_t top = -layer->pad_top;
  for (int32_t oy = 0; oy < layer->out_h; oy++, top += layer->stride_h) {
    int32_t left = -layer->pad_left;
    for (int32_t ox = 0; ox < layer->out_w; ox++, left += layer->stride_w) {
      const EDGEQ_INPUT *group_input = input;
      const int8_t *weights = layer->weights;
      int32_t o = 0;
      for (int32_t group = 0; group < layer->groups; group++, group_input += layer->group_in_c) {
        const EDGEQ_INPUT *const x = window(layer, group_input, top, left, (EDGEQ_INPUT *)scratch);
        for (const int32_t end = o + layer->group_out_c; o < end; o++, weights += taps) {
          const int32_t sum = dot(x, weights, taps, layer->bias[o]);
          const int32_t scaled = edgeq_requantize(sum, layer->multiplier[o], layer->shift[o]);
          *output++ = (EDGEQ_OUTPUT)edgeq_limited(scaled, layer->output_zero_point, layer->clamp_min, layer->clamp_max);
        }
      }
    }
  }
}
