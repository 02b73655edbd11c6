/* Maximum pooling of any shape.
 *
 * Tap by tap, over all channels of one output pixel, which holds the maximum so far: the inner loop runs along memory.
 */
#include "edgeq/edgeq_max_pool2d.h"

#include <string.h>

#include "edgeq/edgeq_requantize.h"

/* output[i] = max(output[i], input[i]) */
static void keep_larger(const int8_t *input, int8_t *output, int32_t count) {
  while (count-- > 0) {
    const int8_t x = *input++;
    if (x > *output) {
      *output = x;
    }
    output++;
  }
}

void edgeq_max_pool2d_a8__c(const edgeq_max_pool2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t channels = layer->in_c;
  const int clamps = layer->clamp_min > INT8_MIN || layer->clamp_max < INT8_MAX;
  (void)scratch;
  for (int32_t y = 0, top = -layer->pad_top; y < layer->out_h; y++, top += layer->stride_h) {
    const int32_t row_begin = top < 0 ? 0 : top;
    const int32_t row_end = top + layer->kernel_h > layer->in_h ? layer->in_h : top + layer->kernel_h;
    for (int32_t x = 0, left = -layer->pad_left; x < layer->out_w; x++, left += layer->stride_w) {
      const int32_t column_begin = left < 0 ? 0 : left;
      const int32_t column_end = left + layer->kernel_w > layer->in_w ? layer->in_w : left + layer->kernel_w;
      memcpy(output, input + (row_begin * layer->in_w + column_begin) * channels, (size_t)channels);
      for (int32_t row = row_begin; row < row_end; row++) {
        const int8_t *taps = input + (row * layer->in_w + column_begin) * channels;
        for (int32_t column = column_begin; column < column_end; column++) {
          if (row > row_begin || column > column_begin) {
            keep_larger(taps, output, channels);
          }
          taps += channels;
        }
      }
      if (clamps) {
        for (int32_t c = 0; c < channels; c++) {
          output[c] = (int8_t)edgeq_clamp(output[c], layer->clamp_min, layer->clamp_max);
        }
      }
      output += channels;
    }
  }
}
