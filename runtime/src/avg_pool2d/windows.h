/* What the average pooling kernels share: the windows, and the mean of a sum. */
#include "edgeq/edgeq_avg_pool2d.h"
#include "edgeq/edgeq_requantize.h"

/* The taps of one window that lie inside of the input: `rows` runs of `columns` pixels from `first` on, `to_next_row`
 * elements between runs. `count` taps are averaged; those in the padding sum up to `padding`. */
typedef struct {
  const int8_t *first;
  int32_t rows, columns, to_next_row;
  int32_t count, padding;
  uint32_t reciprocal;
} edgeq_window_t;

/* Sums and stores all channels of one window; returns the end of what it wrote. */
typedef int8_t *edgeq_window_function(const edgeq_avg_pool2d_t *layer, const edgeq_window_t *window, int8_t *output);

/* |sum| / count, halves up, for |sum| <= 128 * count: a multiplication that is right or one too large, and the check.
 * edgeq/ops/avg_pool2d.py has the proof. */
static inline uint32_t edgeq_divide(uint32_t magnitude, uint32_t count, uint32_t reciprocal) {
  const uint32_t dividend = magnitude + (count >> 1);
  const uint32_t quotient = (dividend * reciprocal) >> 24;
  return quotient * count > dividend ? quotient - 1 : quotient;
}

/* The output for a window's sum: the mean, halves away from zero, limited. */
static inline int8_t edgeq_mean(const edgeq_avg_pool2d_t *layer, const edgeq_window_t *window, int32_t sum) {
  const uint32_t size = edgeq_divide((uint32_t)(sum < 0 ? -sum : sum), (uint32_t)window->count, window->reciprocal);
  return (int8_t)edgeq_clamp(sum < 0 ? -(int32_t)size : (int32_t)size, layer->clamp_min, layer->clamp_max);
}

static inline void edgeq_for_each_window(const edgeq_avg_pool2d_t *layer, const int8_t *input, int8_t *output,
                                         edgeq_window_function *channels) {
  const int32_t area = layer->kernel_h * layer->kernel_w;
  for (int32_t y = 0, top = -layer->pad_top; y < layer->out_h; y++, top += layer->stride_h) {
    const int32_t row = top < 0 ? 0 : top;
    const int32_t row_end = top + layer->kernel_h > layer->in_h ? layer->in_h : top + layer->kernel_h;
    for (int32_t x = 0, left = -layer->pad_left; x < layer->out_w; x++, left += layer->stride_w) {
      const int32_t column = left < 0 ? 0 : left;
      const int32_t column_end = left + layer->kernel_w > layer->in_w ? layer->in_w : left + layer->kernel_w;
      const int32_t width = column_end - column;
      const int32_t inside = (row_end - row) * width;
      const int32_t count = layer->count_include_pad ? area : inside;
      /* Whole rows follow each other in memory and are summed as one. */
      const edgeq_window_t window = {.first = input + (row * layer->in_w + column) * layer->in_c,
                                     .rows = width == layer->in_w ? 1 : row_end - row,
                                     .columns = width == layer->in_w ? inside : width,
                                     .to_next_row = (layer->in_w - width) * layer->in_c,
                                     .count = count,
                                     .padding = (count - inside) * layer->input_zero_point,
                                     .reciprocal = layer->reciprocals[count - layer->smallest_count]};
      output = channels(layer, &window, output);
    }
  }
}
