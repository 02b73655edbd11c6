/* Means of any shape: the body of the plain kernels for int8 and int16.
 *
 * The including file defines EDGEQ_KERNEL, and the types EDGEQ_INPUT and EDGEQ_OUTPUT, with its ends EDGEQ_LOWEST and
 * EDGEQ_HIGHEST. */
#include "edgeq/edgeq_mean.h"

#include "edgeq/edgeq_requantize.h"

void EDGEQ_KERNEL(const edgeq_mean_t *layer, const EDGEQ_INPUT *input, EDGEQ_OUTPUT *output, void *scratch) {
  const int32_t step = layer->inner;
  (void)scratch;
  for (int32_t o = 0; o < layer->outer; o++) {
    for (int32_t i = 0; i < layer->inner; i++) {
      const EDGEQ_INPUT *element = input + i;
      int32_t sum = layer->offset;
      for (int32_t r = layer->reduce; r > 0; r--) {
        sum += *element;
        element += step;
      }
      const int32_t scaled = edgeq_requantize(sum, layer->multiplier, layer->shift);
      *output++ = (EDGEQ_OUTPUT)edgeq_limited(scaled, layer->output_zero_point, EDGEQ_LOWEST, EDGEQ_HIGHEST);
    }
    input += layer->reduce * step;
  }
}
