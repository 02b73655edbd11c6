/* Average pooling of any shape. Output by output; five instructions per tap. */
#include "windows.h"

static inline int8_t *channels(const edgeq_avg_pool2d_t *layer, const edgeq_window_t *window, int8_t *output) {
  const int32_t step = layer->in_c;
  const int8_t *first = window->first;
  for (int32_t c = 0; c < step; c++) {
    const int8_t *tap = first++;
    int32_t sum = window->padding;
    for (int32_t i = window->rows; i > 0; i--) {
      for (int32_t j = window->columns; j > 0; j--) {
        sum += *tap;
        tap += step;
      }
      tap += window->to_next_row;
    }
    *output++ = edgeq_mean(layer, window, sum);
  }
  return output;
}

void edgeq_avg_pool2d_a8__c(const edgeq_avg_pool2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  (void)scratch;
  edgeq_for_each_window(layer, input, output, channels);
}
