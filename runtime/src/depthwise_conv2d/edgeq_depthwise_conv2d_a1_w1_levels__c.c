/* Depthwise convolution of binary inputs with binary weights, 32 channels at a time: pixels and weights are bit-slices
 * (edgeq_bit_slices.h) as they lie. Per tap and 32 channels two loads, an exclusive or, and the adders, which take four
 * taps at a time; finding the taps takes more.
 *
 * weights: [in_c / 32][tap] words, inverted, so that a bit is set where the product is +1. Sums are 2 * matches + taps
 * outside of the image - taps; the last is in the bias, or in the thresholds (edgeq_slice_levels.h). */
#include "edgeq/edgeq_depthwise_conv2d_levels.h"
#include "edgeq/edgeq_levels.h"
#include "edgeq/edgeq_slice_levels.h"

/* Adds four words to the planes. */
static void add_taps(uint32_t *planes, int32_t levels, const uint32_t taps[4]) {
  uint32_t carry, pair;
  EDGEQ_SLICE_ADD_4(planes[0], taps[0], taps[1], taps[2], taps[3], carry, pair);
  const uint32_t any = pair | (carry ^ planes[1]);
  planes[1] ^= pair;
  carry = any ^ planes[1];
  EDGEQ_ROLLED
  for (int32_t level = 2; level < levels; level++) {
    const uint32_t plane = planes[level];
    planes[level] = plane ^ carry;
    carry &= plane;
  }
}

/* Sums of a block of 32 channels, whose bytes start `first` bytes into the pixels, over the window at top, left. */
static void sum_window(const edgeq_depthwise_conv2d_levels_t *layer, const uint8_t *input, int32_t top, int32_t left,
                       int32_t first, const uint32_t *weights, int32_t levels, uint32_t *planes) {
  const int32_t pixel_bytes = edgeq_row_bytes(layer->in_c, 1),
                bytes = pixel_bytes - first < 4 ? pixel_bytes - first : 4;
  const int32_t is_words = (pixel_bytes & 3) == 0;
  uint32_t taps[4] = {0, 0, 0, 0};
  int32_t used = 0, outside = 0;
  edgeq_slice_fill(planes, levels, 0);
  for (int32_t ky = 0, y = top; ky < layer->kernel_h; ky++, y += layer->dilation_h) {
    const uint8_t *pixel = input + (y * layer->in_w + left) * pixel_bytes + first;
    for (int32_t kx = 0, x = left; kx < layer->kernel_w; kx++, x += layer->dilation_w) {
      if (y >= 0 && y < layer->in_h && x >= 0 && x < layer->in_w) {
        uint32_t word = 0;
        if (is_words)
          word = *(const uint32_t *)(const void *)pixel;
        else
          for (int32_t i = bytes; i > 0; i--)
            word = word << 8 | pixel[i - 1];
        taps[used++] = word ^ *weights;
        if (used == 4) {
          add_taps(planes + 1, levels - 1, taps);
          used = 0;
        }
      } else {
        outside++;
      }
      weights++;
      pixel += layer->dilation_w * pixel_bytes;
    }
  }
  /* The rest, with taps outside, which count 1 each, half of what a match does. */
  while (used && used < 4)
    taps[used++] = 0;
  if (used)
    add_taps(planes + 1, levels - 1, taps);
  edgeq_slice_add_number(planes, levels, outside);
}

void edgeq_depthwise_conv2d_a1_w1_levels__c(const edgeq_depthwise_conv2d_levels_t *layer, const void *input,
                                            void *output, void *scratch) {
  const int32_t taps = layer->kernel_h * layer->kernel_w;
  const edgeq_slice_layer_t slices = {
      .out_c = layer->out_c,
      .levels = edgeq_slice_levels(taps, 1),
      .thresholds = layer->thresholds,
      .bias = layer->bias,
      .threshold_count = layer->threshold_count,
      .threshold_stride = layer->threshold_stride,
      .threshold_bytes = layer->threshold_bytes,
      .output_bits = layer->output_bits,
      .output_code = layer->output_code,
      .output_step = layer->output_step,
  };
  uint8_t *to = (uint8_t *)output;
  (void)scratch;
  for (int32_t y = 0; y < layer->out_h; y++) {
    for (int32_t x = 0; x < layer->out_w; x++) {
      const uint32_t *weights = (const uint32_t *)layer->weights;
      for (int32_t first = 0; first < layer->out_c; first += EDGEQ_SLICE_CHANNELS) {
        uint32_t planes[EDGEQ_SLICE_PLANES];
        sum_window(layer, (const uint8_t *)input, y * layer->stride_h - layer->pad_top,
                   x * layer->stride_w - layer->pad_left, first >> 3, weights, slices.levels, planes);
        to = edgeq_slice_finish(&slices, planes, first, to);
        weights += taps;
      }
    }
  }
}
