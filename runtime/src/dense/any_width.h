/* Fully connected layers of any shape: the body of the plain kernels for int8 and int16.
 *
 * The including file defines EDGEQ_KERNEL, and the types EDGEQ_INPUT and EDGEQ_OUTPUT. */
#include "edgeq/edgeq_dense.h"

#include "edgeq/edgeq_requantize.h"

void EDGEQ_KERNEL(const edgeq_dense_t *layer, const EDGEQ_INPUT *input, EDGEQ_OUTPUT *output, void *scratch) {
  (void)scratch;
  for (int32_t row = 0; row < layer->rows; row++) {
    const int8_t *weights = layer->weights;
    for (int32_t o = 0; o < layer->out_c; o++) {
      int32_t sum = layer->bias[o];
      for (int32_t i = 0; i < layer->in_c; i++) {
        sum += input[i] * *weights++;
      }
      const int32_t scaled = edgeq_requantize_once(sum, layer->multiplier[o], layer->shift[o]);
      *output++ = (EDGEQ_OUTPUT)edgeq_limited(scaled, layer->output_zero_point, layer->clamp_min, layer->clamp_max);
    }
    input += layer->in_c;
  }
}
