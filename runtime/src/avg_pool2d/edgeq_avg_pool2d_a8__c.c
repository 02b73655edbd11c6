/* Average pooling of any shape. Output by output; five instructions per tap. */
#include "edgeq/edgeq_avg_pool2d.h"

#include "edgeq/edgeq_requantize.h"

/* |sum| / count, halves up, for |sum| <= 128 * count: a multiplication that is right or one too large, and the check.
 * edgeq/ops/avg_pool2d.py has the proof. */
static uint32_t divide(uint32_t magnitude, uint32_t count, uint32_t reciprocal) {
  const uint32_t dividend = magnitude + (count >> 1);
  const uint32_t quotient = (dividend * reciprocal) >> 24;
  return quotient * count > dividend ? quotient - 1 : quotient;
}

void edgeq_avg_pool2d_a8__c(const edgeq_avg_pool2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
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
      for (int32_t c = 0; c < channels; c++) {
        const int8_t *tap = window++;
        int32_t sum = padding;
        for (int32_t i = rows; i > 0; i--) {
          for (int32_t j = columns; j > 0; j--) {
            sum += *tap;
            tap += channels;
          }
          tap += to_next_row;
        }
        const uint32_t magnitude = divide((uint32_t)(sum < 0 ? -sum : sum), (uint32_t)count, reciprocal);
        const int32_t mean = sum < 0 ? -(int32_t)magnitude : (int32_t)magnitude;
        *output++ = (int8_t)edgeq_clamp(mean, layer->clamp_min, layer->clamp_max);
      }
    }
  }
}
