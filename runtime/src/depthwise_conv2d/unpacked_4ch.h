/* Depthwise convolutions with small weights by blocks of 4 channels: the body of
 * edgeq_depthwise_conv2d_a8_<weights>_4ch__c.
 *
 * The weights are few, and every pixel reads them all: they are unpacked once, to where the int8 kernel would have
 * them. The including file defines EDGEQ_KERNEL and EDGEQ_UNPACK(row, count, values), which makes int8 of a packed row
 * and returns the byte behind it.
 *
 * Weights: [c / 4] rows of [tap][4]. scratch: the line of input zero points and the unpacked weights, taps filled up to
 * a multiple of 3 with zeros, and 8 bytes into which the unpacking of the last row may run.
 */
#include "channels_4.h"
#include "edgeq/edgeq_unpack_rows.h"

void EDGEQ_KERNEL(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t in_c = layer->in_c, count = CHANNELS * layer->kernel_h * layer->kernel_w;
  const uint8_t *packed = (const uint8_t *)layer->weights;
  edgeq_depthwise_conv2d_t unpacked = *layer;
  int8_t *to = (int8_t *)scratch;
  unpacked.weights = to;
  for (int32_t c = 0; c < in_c; c++) {
    *to++ = (int8_t)layer->input_zero_point;
  }
  for (int32_t c = 0; c < in_c; c += CHANNELS) {
    int32_t filled = 0;
    packed = EDGEQ_UNPACK(packed, count, to);
    while (filled < count) {
      filled += CHANNELS * EDGEQ_TAPS_STEP;
      EDGEQ_FENCE(filled); /* or clang makes a division of this loop */
    }
    for (int32_t i = count; i < filled; i++) {
      to[i] = 0;
    }
    to += filled;
  }
  edgeq_for_each_pixel(&unpacked, input, output, pixel);
}
