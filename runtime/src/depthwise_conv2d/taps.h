/* Walks the output pixels of a depthwise convolution with depth multiplier 1, and tells where each tap's channels lie.
 *
 * For every pixel a table of pointers is made, one per tap in the order of the weights: into the input, or, in the
 * padding, to a line of input zero points that the packer puts before the weights. So inner loops know no borders.
 */
#include "edgeq/edgeq_compiler.h"
#include "edgeq/edgeq_depthwise_conv2d.h"
#include "edgeq/edgeq_requantize.h"

#define EDGEQ_TAPS_STEP 3 /* the table is filled up to a multiple of it; the taps beyond meet weights of 0 */
#define EDGEQ_TAPS_MOST 30

/* All channels of one pixel: from[..end] are the taps, `weights` the packed ones, `output` the first channel. */
typedef void edgeq_pixel_function(const edgeq_depthwise_conv2d_t *layer, const int8_t *const *from,
                                  const int8_t *const *end, const int8_t *weights, int8_t *output);

/* The line of zero points has the channels filled up to a multiple of 4. */
static inline void edgeq_for_each_pixel(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                        edgeq_pixel_function *pixel) {
  const int8_t *from[EDGEQ_TAPS_MOST];
  const int8_t *const padding = layer->weights;
  const int8_t *const weights = padding + ((layer->in_c + 3) & ~3);
  const int32_t in_c = layer->in_c;
  const int32_t step = layer->dilation_w * in_c; /* from tap to tap of a row */
  const int32_t last_left = layer->in_w - 1 - (layer->kernel_w - 1) * layer->dilation_w;
  const int8_t **end = from;
  for (int32_t taps = layer->kernel_h * layer->kernel_w; taps > 0; taps -= EDGEQ_TAPS_STEP) {
    end += EDGEQ_TAPS_STEP;
    EDGEQ_FENCE(taps); /* or clang makes a division of this loop */
  }
  for (int32_t oy = 0; oy < layer->out_h; oy++) {
    const int32_t top = oy * layer->stride_h - layer->pad_top;
    int32_t left = -layer->pad_left;
    for (int32_t ox = 0; ox < layer->out_w; ox++, left += layer->stride_w) {
      const int8_t **tap = from;
      int32_t y = top;
      for (int32_t ky = layer->kernel_h; ky != 0; ky--, y += layer->dilation_h) {
        const int row_inside = y >= 0 && y < layer->in_h;
        int32_t x = left;
        if (row_inside && left >= 0 && left <= last_left) {
          const int8_t *value = input + (y * layer->in_w + left) * in_c;
          for (int32_t kx = layer->kernel_w; kx != 0; kx--, value += step) {
            *tap++ = value;
          }
          continue;
        }
        for (int32_t kx = layer->kernel_w; kx != 0; kx--, x += layer->dilation_w) {
          *tap++ = row_inside && x >= 0 && x < layer->in_w ? input + (y * layer->in_w + x) * in_c : padding;
        }
      }
      while (tap != end) {
        *tap++ = padding; /* meets weights of 0 */
      }
      pixel(layer, from, end, weights, output);
      output += in_c;
    }
  }
}
