/* Dense layers of any shape with small weights: the body of edgeq_dense_a8_<weights>__c.
 *
 * The including file defines EDGEQ_KERNEL, EDGEQ_UNPACK(row, count, values), which makes int8 of an output's row of
 * weights and returns the byte behind it. A row is unpacked once, into the scratch, and serves
 * all rows of the input: small rather than fast. */
#include "edgeq/edgeq_dense.h"
#include "edgeq/edgeq_dot.h"
#include "edgeq/edgeq_requantize.h"
#include "edgeq/edgeq_unpack_rows.h"

void EDGEQ_KERNEL(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t in_c = layer->in_c, out_c = layer->out_c;
  const uint8_t *weights = (const uint8_t *)layer->weights;
  int8_t *const values = (int8_t *)scratch;
  for (int32_t o = 0; o < out_c; o++) {
    const int32_t multiplier = edgeq_factor_multiplier(layer->multiplier, layer->shift, o);
    const int32_t shift = edgeq_factor_shift(layer->multiplier, layer->shift, o), bias = layer->bias[o];
    const int8_t *x = input;
    int8_t *to = output + o;
    weights = EDGEQ_UNPACK(weights, in_c, values);
    for (int32_t row = 0; row < layer->rows; row++, x += in_c, to += out_c) {
      const int32_t scaled = edgeq_requantize_once(edgeq_dot(x, values, in_c, bias), multiplier, shift);
      *to = edgeq_output(scaled, layer->output_zero_point, layer->clamp_min, layer->clamp_max);
    }
  }
}
