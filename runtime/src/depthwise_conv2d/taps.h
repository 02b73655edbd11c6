/* Walks the output pixels of a depthwise convolution with depth multiplier 1, and tells where each tap's channels lie.
 *
 * A table of pointers has one per tap in the order of the weights: into the input, or, in the padding, to a line of
 * input zero points that the packer puts before the weights. So inner loops know no borders. From a pixel to the next
 * one whose window is not cut off at the sides either, the pointers into the input move along.
 */
#include "edgeq/edgeq_compiler.h"
#include "edgeq/edgeq_depthwise_conv2d.h"
#include "edgeq/edgeq_requantize.h"

#define EDGEQ_TAPS_STEP 3 /* the table is filled up to a multiple of it; the taps beyond meet weights of 0 */
#define EDGEQ_TAPS_MOST 30

/* All channels of one pixel: from[..end] are the taps, `weights` the packed ones, `output` the first channel. */
typedef void edgeq_pixel_function(const edgeq_depthwise_conv2d_t *layer, const int8_t *const *from,
                                  const int8_t *const *end, const int8_t *weights, int8_t *output);

/* Fills the table for the window whose first tap lies at row `top`, column `left`; returns the end of the taps of rows
 * inside, which `first` gets the start of. */
static EDGEQ_NOINLINE const int8_t **edgeq_taps_find(const edgeq_depthwise_conv2d_t *layer, const int8_t *input,
                                                     int32_t top, int32_t left, const int8_t **tap,
                                                     const int8_t ***first) {
  const int32_t in_c = layer->in_c, in_w = layer->in_w, step = layer->dilation_w * in_c;
  const int8_t *const padding = layer->weights;
  const int8_t **end = tap;
  *first = tap;
  for (int32_t ky = layer->kernel_h, y = top; ky != 0; ky--, y += layer->dilation_h) {
    const int row_inside = y >= 0 && y < layer->in_h;
    int32_t value = (y * in_w + left) * in_c;
    if (row_inside && end == *first) {
      *first = tap;
    }
    EDGEQ_ROLLED
    for (int32_t kx = layer->kernel_w, x = left; kx != 0; kx--, x += layer->dilation_w, value += step) {
      *tap++ = row_inside && x >= 0 && x < in_w ? input + value : padding;
    }
    if (row_inside) {
      end = tap;
    }
  }
  return end;
}

/* The line of zero points has the channels filled up to a multiple of 4. */
static inline void edgeq_for_each_pixel(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                        edgeq_pixel_function *pixel) {
  const int8_t *from[EDGEQ_TAPS_MOST];
  const int8_t *const padding = layer->weights;
  const int8_t *const weights = padding + ((layer->in_c + 3) & ~3);
  const int32_t in_c = layer->in_c, stride_w = layer->stride_w, move = stride_w * in_c;
  /* Windows from columns [0, last_left] have no tap beside the input. */
  const int32_t last_left = layer->in_w - 1 - (layer->kernel_w - 1) * layer->dilation_w;
  const int8_t **end = from;
  for (int32_t taps = layer->kernel_h * layer->kernel_w; taps > 0; taps -= EDGEQ_TAPS_STEP) {
    end[0] = end[1] = end[2] = padding; /* those beyond the window meet weights of 0 */
    end += EDGEQ_TAPS_STEP;
    EDGEQ_FENCE(taps); /* or clang makes a division of this loop */
  }
  for (int32_t oy = 0; oy < layer->out_h; oy++) {
    const int8_t **first = from, **last = from;
    int32_t left = -layer->pad_left;
    for (int32_t ox = layer->out_w; ox > 0; ox--, left += stride_w) {
      if (left >= stride_w && left <= last_left && last != from) {
        EDGEQ_ROLLED
        for (const int8_t **tap = first; tap != last; tap++) {
          *tap += move;
        }
      } else {
        last = edgeq_taps_find(layer, input, oy * layer->stride_h - layer->pad_top, left, from, &first);
      }
      pixel(layer, from, end, weights, output);
      output += in_c;
    }
  }
}
