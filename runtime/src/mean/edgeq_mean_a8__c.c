/* Mean of any shape. Output by output; five instructions per element. */
#include "edgeq/edgeq_mean.h"

#include "edgeq/edgeq_requantize.h"

void edgeq_mean_a8__c(const edgeq_mean_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t step = layer->inner;
  (void)scratch;
  for (int32_t o = 0; o < layer->outer; o++) {
    for (int32_t i = 0; i < layer->inner; i++) {
      const int8_t *element = input + i;
      int32_t sum = layer->offset;
      for (int32_t r = layer->reduce; r > 0; r--) {
        sum += *element;
        element += step;
      }
      const int32_t scaled = edgeq_requantize(sum, layer->multiplier, layer->shift);
      *output++ = edgeq_output(scaled, layer->output_zero_point, INT8_MIN, INT8_MAX);
    }
    input += layer->reduce * step;
  }
}
