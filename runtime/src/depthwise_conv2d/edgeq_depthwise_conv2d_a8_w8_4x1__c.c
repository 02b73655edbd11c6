/* Depthwise convolution by blocks of 4 channels, one pixel at a time; depth multiplier 1, any window.
 *
 * Weights are packed [c / 4][tap][4], filled up to 4 channels with zeros, so they are read once per pixel, in order.
 * Windows inside the input run without checks; at the border, taps in the padding read four bytes that hold the
 * input's zero point. When the channels are no multiple of 4, up to 3 bytes past the input are read (and unused).
 * Per tap: 8 loads, 4 multiplications and additions, 4 of loop.
 */
#include "edgeq/edgeq_compiler.h"
#include "edgeq/edgeq_depthwise_conv2d.h"
#include "edgeq/edgeq_requantize.h"

#define CHANNELS 4

/* Adds one tap of four channels. */
#define TAP(x, w)      \
  do {                 \
    s0 += x[0] * w[0]; \
    s1 += x[1] * w[1]; \
    s2 += x[2] * w[2]; \
    s3 += x[3] * w[3]; \
    EDGEQ_FENCE(s0);   \
  } while (0)

/* Sums of a window that lies inside the input; `x` is its first tap. Returns the weights of the next block. */
static inline const int8_t *sum_inside(const edgeq_depthwise_conv2d_t *layer, const int8_t *x, const int8_t *w,
                                       int32_t sums[CHANNELS]) {
  const int32_t column = layer->dilation_w * layer->in_c;
  const int32_t kernel_w = layer->kernel_w;
  const int32_t row = layer->dilation_h * layer->in_w * layer->in_c - kernel_w * column;
  int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  for (int32_t ky = layer->kernel_h; ky != 0; ky--) {
    for (int32_t kx = kernel_w; kx != 0; kx--) {
      TAP(x, w);
      x += column;
      w += CHANNELS;
    }
    x += row;
  }
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
  return w;
}

/* The same for a window that reaches into the padding; `x` is the block's channels at row 0, column 0. */
static inline const int8_t *sum_border(const edgeq_depthwise_conv2d_t *layer, const int8_t *x, const int8_t *w,
                                       int32_t top, int32_t left, int32_t sums[CHANNELS]) {
  const int8_t zero = (int8_t)layer->input_zero_point;
  const int8_t padding[CHANNELS] = {zero, zero, zero, zero};
  const uint32_t in_w = (uint32_t)layer->in_w;
  int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  int32_t row = top;
  for (int32_t ky = layer->kernel_h; ky != 0; ky--) {
    const int row_inside = row >= 0 && row < layer->in_h;
    const int8_t *value = x + (row * layer->in_w + left) * layer->in_c;
    uint32_t column = (uint32_t)left;
    for (int32_t kx = layer->kernel_w; kx != 0; kx--) {
      const int8_t *const from = row_inside && column < in_w ? value : padding;
      TAP(from, w);
      value += layer->dilation_w * layer->in_c;
      column += (uint32_t)layer->dilation_w;
      w += CHANNELS;
    }
    row += layer->dilation_h;
  }
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
  return w;
}

/* All channels of one pixel. */
static void pixel(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int32_t top, int32_t left,
                  int8_t *output) {
  const int32_t low = layer->clamp_min, high = layer->clamp_max;
  const int32_t offset = 2 * layer->output_zero_point + 1;
  const int inside = top >= 0 && left >= 0 && top + (layer->kernel_h - 1) * layer->dilation_h < layer->in_h &&
                     left + (layer->kernel_w - 1) * layer->dilation_w < layer->in_w;
  const int8_t *const start = input + (top * layer->in_w + left) * layer->in_c;
  const int8_t *weights = layer->weights;
  const int32_t channels = layer->in_c;
  for (int32_t first = 0; first < channels; first += CHANNELS) {
    int32_t sums[CHANNELS];
    const int32_t *sum = sums;
    const int32_t end = first + CHANNELS < channels ? first + CHANNELS : channels;
    weights = inside ? sum_inside(layer, start + first, weights, sums)
                     : sum_border(layer, input + first, weights, top, left, sums);
    for (int32_t c = first; c < end; c++) {
      const int32_t total = *sum++ + layer->bias[c];
      const int32_t value = edgeq_requantize_right(total, layer->multiplier[c], -layer->shift[c], offset);
      *output++ = (int8_t)edgeq_clamp(value, low, high);
    }
  }
}

void edgeq_depthwise_conv2d_a8_w8_4x1__c(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                         void *scratch) {
  (void)scratch;
  for (int32_t oy = 0; oy < layer->out_h; oy++) {
    const int32_t top = oy * layer->stride_h - layer->pad_top;
    int32_t left = -layer->pad_left;
    for (int32_t ox = 0; ox < layer->out_w; ox++) {
      pixel(layer, input, top, left, output);
      left += layer->stride_w;
      output += layer->out_c;
    }
  }
}
