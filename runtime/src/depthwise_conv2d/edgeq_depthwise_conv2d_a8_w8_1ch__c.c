/* Depthwise convolution channel by channel, for cores with 8 registers (Cortex-M0, M0+); depth multiplier 1, windows of
 * up to 30 taps.
 *
 * Weights are packed [c][tap] after a line of zero points (see taps.h). Per tap: pointer load, 2 loads (with a sign
 * extension), multiplication, addition, a third of the loop.
 *
 * Measured, whole 3x3 layer of 64 channels: Cortex-M0+ 13.6 (clang), 15.2 (gcc) instructions per MAC, of which 69 per
 * output go into requantizing; Cortex-M3 8.3 to 9.9, RV32IMC 10.
 */
#include "taps.h"

static void pixel(const edgeq_depthwise_conv2d_t *layer, const int8_t *const *from, const int8_t *const *end,
                  const int8_t *weights, int8_t *output) {
  const int32_t low = layer->clamp_min, high = layer->clamp_max, channels = layer->in_c;
  const int32_t offset = 2 * layer->output_zero_point + 1;
  const int32_t *const bias = layer->bias, *const multiplier = layer->multiplier;
  const int8_t *const shift = layer->shift;
  for (int32_t c = 0; c < channels; c++) {
    const int8_t *const *tap = from;
    int32_t sum = bias[c];
    do {
      sum += tap[0][c] * weights[0];
      EDGEQ_FENCE(sum);
      sum += tap[1][c] * weights[1];
      EDGEQ_FENCE(sum);
      sum += tap[2][c] * weights[2];
      EDGEQ_FENCE(sum);
      tap += EDGEQ_TAPS_STEP;
      weights += EDGEQ_TAPS_STEP;
    } while (tap != end);
    output[c] = edgeq_finish(sum, multiplier[c], shift[c], offset, low, high);
  }
}

void edgeq_depthwise_conv2d_a8_w8_1ch__c(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                         void *scratch) {
  (void)scratch;
  edgeq_for_each_pixel(layer, input, output, pixel);
}
