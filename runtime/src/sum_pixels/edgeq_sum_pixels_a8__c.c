/* Sums of pixels, any shape. */
#include "edgeq/edgeq_sum_pixels.h"

void edgeq_sum_pixels_a8__c(const edgeq_sum_pixels_t *layer, const int8_t *input, const int32_t *before,
                            int32_t *output, void *scratch) {
  (void)scratch;
  for (int32_t c = 0; c < layer->channels; c++) {
    const int8_t *from = input + c;
    int32_t sum = before[c];
    for (int32_t n = layer->pixels; n > 0; n--) {
      sum += *from;
      from += layer->channels;
    }
    output[c] = sum;
  }
}
