/* Averages of any number of sums. */
#include "edgeq/edgeq_average_sums.h"

void edgeq_average_sums_a32__c(const edgeq_average_sums_t *layer, const int32_t *input, int8_t *output, void *scratch) {
  const uint32_t count = (uint32_t)layer->count;
  (void)scratch;
  for (int32_t c = 0; c < layer->channels; c++) {
    const int32_t sum = input[c];
    const uint32_t dividend = (uint32_t)(sum < 0 ? -sum : sum) + (count >> 1);
    uint32_t size = (dividend * layer->reciprocal) >> 24;
    int32_t mean;
    if (size * count > dividend)
      size--; /* the quotient was right or one too large */
    mean = sum < 0 ? -(int32_t)size : (int32_t)size;
    if (mean < layer->clamp_min)
      mean = layer->clamp_min;
    if (mean > layer->clamp_max)
      mean = layer->clamp_max;
    output[c] = (int8_t)mean;
  }
}
