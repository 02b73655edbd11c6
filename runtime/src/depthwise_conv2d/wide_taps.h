/* Depthwise convolutions of any shape with int16 in or out: the body of edgeq_depthwise_conv2d_a8_w8_to16__c and those
 * of int16 inputs.
 *
 * The including file defines EDGEQ_KERNEL, and the types EDGEQ_INPUT and EDGEQ_OUTPUT. Pixel by pixel and tap by tap,
 * all channels at once, their sums in the scratch: three loads, a multiplication, an addition and a store per MAC. */
#include "edgeq/edgeq_depthwise_conv2d.h"
#include "edgeq/edgeq_requantize.h"

/* Adds one tap of all channels; `x` is the pixel under it, null in the padding. */
static void add_tap(const edgeq_depthwise_conv2d_t *layer, const EDGEQ_INPUT *x, const int8_t *w, int32_t *sums) {
  const int32_t *const end = sums + layer->out_c;
  if (x == 0) {
    while (sums != end) {
      *sums++ += layer->input_zero_point * *w++;
    }
  } else if (layer->depth_multiplier == 1) {
    while (sums != end) {
      *sums++ += *x++ * *w++;
    }
  } else {
    while (sums != end) {
      const int32_t value = *x++;
      for (int32_t i = layer->depth_multiplier; i > 0; i--) {
        *sums++ += value * *w++;
      }
    }
  }
}

void EDGEQ_KERNEL(const edgeq_depthwise_conv2d_t *layer, const EDGEQ_INPUT *input, EDGEQ_OUTPUT *output,
                  void *scratch) {
  int32_t *const sums = (int32_t *)scratch;
  int32_t top = -layer->pad_top;
  for (int32_t oy = 0; oy < layer->out_h; oy++, top += layer->stride_h) {
    int32_t left = -layer->pad_left;
    for (int32_t ox = 0; ox < layer->out_w; ox++, left += layer->stride_w) {
      const int8_t *weights = layer->weights;
      int32_t y = top;
      for (int32_t o = 0; o < layer->out_c; o++) {
        sums[o] = layer->bias[o];
      }
      for (int32_t ky = 0; ky < layer->kernel_h; ky++, y += layer->dilation_h) {
        int32_t x = left;
        for (int32_t kx = 0; kx < layer->kernel_w; kx++, x += layer->dilation_w, weights += layer->out_c) {
          const int inside = y >= 0 && y < layer->in_h && x >= 0 && x < layer->in_w;
          add_tap(layer, inside ? input + (y * layer->in_w + x) * layer->in_c : 0, weights, sums);
        }
      }
      for (int32_t o = 0; o < layer->out_c; o++) {
        const int32_t scaled = edgeq_requantize(sums[o], layer->multiplier[o], layer->shift[o]);
        *output++ = (EDGEQ_OUTPUT)edgeq_limited(scaled, layer->output_zero_point, layer->clamp_min, layer->clamp_max);
      }
    }
  }
}
