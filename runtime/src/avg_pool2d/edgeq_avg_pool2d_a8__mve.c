/* Average pooling of any shape, for cores with MVE: four channels at a time, three instructions per tap of the four.
 * About 15 per output end it, one by one, as the portable kernel does. */
#include "edgeq/edgeq_mve.h"
#include "windows.h"

/* The sums of four channels from `tap` on, those that are not in `some` unread. */
static inline int32x4_t sum_window(const edgeq_window_t *window, const int8_t *tap, int32_t step, mve_pred16_t some) {
  int32x4_t sum = vdupq_n_s32(window->padding);
  for (int32_t i = window->rows; i > 0; i--, tap += window->to_next_row) {
    for (int32_t j = window->columns; j > 0; j--, tap += step) {
      sum = vaddq_s32(sum, vldrbq_z_s32(tap, some));
    }
  }
  return sum;
}

static inline int8_t *channels(const edgeq_avg_pool2d_t *layer, const edgeq_window_t *window, int8_t *output) {
  for (int32_t c = 0; c < layer->in_c; c += 4) {
    const int32_t some = layer->in_c - c < 4 ? layer->in_c - c : 4;
    int32_t sums[4];
    vstrwq_s32(sums, sum_window(window, window->first + c, layer->in_c, vctp32q((uint32_t)some)));
    for (int32_t i = 0; i < some; i++) {
      *output++ = edgeq_mean(layer, window, sums[i]);
    }
  }
  return output;
}

void edgeq_avg_pool2d_a8__mve(const edgeq_avg_pool2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  (void)scratch;
  edgeq_for_each_window(layer, input, output, channels);
}
