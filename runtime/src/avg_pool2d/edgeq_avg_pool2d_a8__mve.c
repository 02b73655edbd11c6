/* Average pooling of any shape, for cores with MVE: four channels at a time, three instructions per tap of the four.
 * About 15 per output end it, one by one, as the portable kernel does. */
#include "edgeq/edgeq_avg_pool2d.h"
#include "edgeq/edgeq_mve.h"

#include "edgeq/edgeq_requantize.h"

/* |sum| / count, halves up, for |sum| <= 128 * count: a multiplication that is right or one too large, and the check.
 * edgeq/ops/avg_pool2d.py has the proof. */
static uint32_t divide(uint32_t magnitude, uint32_t count, uint32_t reciprocal) {
  const uint32_t dividend = magnitude + (count >> 1);
  const uint32_t quotient = (dividend * reciprocal) >> 24;
  return quotient * count > dividend ? quotient - 1 : quotient;
}

/* padding plus the taps of four channels, those that are not in `some` unread. */
static inline void sum_window(const int8_t *tap, int32_t rows, int32_t columns, int32_t channels, int32_t to_next_row,
                              mve_pred16_t some, int32_t padding, int32_t sums[4]) {
  int32x4_t sum = vdupq_n_s32(padding);
  for (int32_t i = rows; i > 0; i--, tap += to_next_row) {
    for (int32_t j = columns; j > 0; j--, tap += channels) {
      sum = vaddq_s32(sum, vldrbq_z_s32(tap, some));
    }
  }
  vstrwq_s32(sums, sum);
}

void edgeq_avg_pool2d_a8__mve(const edgeq_avg_pool2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t channels = layer->in_c;
  const int32_t area = layer->kernel_h * layer->kernel_w;
  (void)scratch;
  for (int32_t y = 0, top = -layer->pad_top; y < layer->out_h; y++, top += layer->stride_h) {
    const int32_t row = top < 0 ? 0 : top;
    const int32_t row_end = top + layer->kernel_h > layer->in_h ? layer->in_h : top + layer->kernel_h;
    for (int32_t x = 0, left = -layer->pad_left; x < layer->out_w; x++, left += layer->stride_w) {
      const int32_t column = left < 0 ? 0 : left;
      const int32_t column_end = left + layer->kernel_w > layer->in_w ? layer->in_w : left + layer->kernel_w;
      const int32_t width = column_end - column;
      const int32_t inside = (row_end - row) * width;
      /* Whole rows follow each other in memory and are summed as one. */
      const int32_t rows = width == layer->in_w ? 1 : row_end - row;
      const int32_t columns = width == layer->in_w ? inside : width;
      const int32_t count = layer->count_include_pad ? area : inside;
      const int32_t padding = (count - inside) * layer->input_zero_point;
      const uint32_t reciprocal = layer->reciprocals[count - layer->smallest_count];
      const int8_t *window = input + (row * layer->in_w + column) * channels;
      const int32_t to_next_row = (layer->in_w - width) * channels;
      for (int32_t c = 0; c < channels; c += 4, window += 4) {
        const int32_t some = channels - c < 4 ? channels - c : 4;
        int32_t sums[4];
        sum_window(window, rows, columns, channels, to_next_row, vctp32q((uint32_t)some), padding, sums);
        for (int32_t i = 0; i < some; i++) {
          const int32_t sum = sums[i];
          const uint32_t magnitude = divide((uint32_t)(sum < 0 ? -sum : sum), (uint32_t)count, reciprocal);
          const int32_t mean = sum < 0 ? -(int32_t)magnitude : (int32_t)magnitude;
          *output++ = (int8_t)edgeq_clamp(mean, layer->clamp_min, layer->clamp_max);
        }
      }
    }
  }
}
