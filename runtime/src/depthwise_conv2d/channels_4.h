/* All channels of one pixel of a depthwise convolution, in blocks of 4; weights are packed [c / 4][tap][4] (see
 * taps.h).
 *
 * Per tap: pointer load and addition, 8 loads, 4 multiplications and additions, a third of the loop.
 */
#include "taps.h"

#define CHANNELS 4

/* One tap of four channels. */
#define TAP(i)                               \
  do {                                       \
    const int8_t *const x = from[i] + first; \
    s0 += x[0] * w[CHANNELS * (i)];          \
    s1 += x[1] * w[CHANNELS * (i) + 1];      \
    s2 += x[2] * w[CHANNELS * (i) + 2];      \
    s3 += x[3] * w[CHANNELS * (i) + 3];      \
    EDGEQ_FENCE_2(s0, s1);                   \
    EDGEQ_FENCE_2(s2, s3);                   \
  } while (0)

/* Adds a window of channels [first, first + 4) to sums; returns the weights of the next block. */
static inline const int8_t *sum_block(const int8_t *const *from, const int8_t *const *end, int32_t first,
                                      const int8_t *w, const int32_t *bias, int32_t sums[CHANNELS]) {
  int32_t s0 = bias[0], s1 = bias[1], s2 = bias[2], s3 = bias[3];
  do {
    TAP(0);
    TAP(1);
    TAP(2);
    w += CHANNELS * EDGEQ_TAPS_STEP;
    from += EDGEQ_TAPS_STEP;
  } while (from != end);
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
  return w;
}

/* All channels of one pixel; from[..end]: where each tap's channels lie. */
static void pixel(const edgeq_depthwise_conv2d_t *layer, const int8_t *const *from, const int8_t *const *end,
                  const int8_t *weights, int8_t *output) {
  const int32_t low = layer->clamp_min, high = layer->clamp_max, channels = layer->in_c;
  const int32_t offset = 2 * layer->output_zero_point + 1;
  const int32_t *bias = layer->bias, *multiplier = layer->multiplier;
  const int8_t *shift = layer->shift;
  for (int32_t first = 0; first < channels; first += CHANNELS) {
    int32_t sums[CHANNELS];
    weights = sum_block(from, end, first, weights, bias + first, sums);
    for (int32_t i = 0; i < CHANNELS; i++) {
      *output++ = edgeq_finish(sums[i], *multiplier++, *shift++, offset, low, high);
    }
  }
}
