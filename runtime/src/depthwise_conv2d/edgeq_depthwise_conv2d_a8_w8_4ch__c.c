/* Depthwise convolution by blocks of 4 channels, one pixel at a time; depth multiplier 1, windows of up to 30 taps.
 *
 * Weights are packed [c / 4][tap][4] after a line of zero points (see taps.h), and read once per pixel, in order. Per
 * tap: pointer load and addition, 8 loads, 4 multiplications and additions, a third of the loop.
 *
 * Measured, inner loop / whole 3x3 layer of 64 channels: Cortex-M3 3.8 / 7.6 instructions per MAC, RV32IMC 4.8 / 8.2,
 * Cortex-M0+ 8.5 / 14 to 19. The limit is the requantization of every ninth MAC, then weights read once per pixel.
 */
#include "channels_4.h"

void edgeq_depthwise_conv2d_a8_w8_4ch__c(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                         void *scratch) {
  (void)scratch;
  edgeq_for_each_pixel(layer, input, output, pixel);
}
