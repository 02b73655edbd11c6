/* GRU of any shape.
 *
 * Cost: about 6 instructions per MAC, and some 150 per unit and step for the gates; the loads limit it. */
#include "edgeq/edgeq_gru.h"

#include <string.h>

static int32_t next(const edgeq_gru_t *layer, int32_t unit, const int8_t *input, const int16_t *h) {
  const int32_t units = layer->units;
  int32_t gates[2];
  for (int32_t g = 0; g < 2; g++) {
    const int32_t row = g * units + unit;
    gates[g] =
        edgeq_interpolated(layer->sigmoid, edgeq_input_product(layer, row, input) + edgeq_state_product(layer, row, h));
  }
  const int32_t row = 2 * units + unit;
  const int32_t past = edgeq_clamp(edgeq_state_product(layer, row, h), INT16_MIN, INT16_MAX);
  const int32_t n =
      edgeq_interpolated(layer->tanh, edgeq_input_product(layer, row, input) + edgeq_scaled(gates[1], past));
  return n + edgeq_scaled(gates[0], h[unit] - n);
}

void edgeq_gru_a8__c(const edgeq_gru_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t units = layer->units;
  int16_t *const h = (int16_t *)scratch;
  int16_t *const successor = h + units;
  if (!layer->stateful) {
    edgeq_start_state(h, layer->starts, layer->first, units);
  }
  for (int32_t t = 0; t < layer->steps; t++) {
    for (int32_t unit = 0; unit < units; unit++) {
      successor[unit] = (int16_t)next(layer, unit, input, h);
      *output++ = edgeq_state_output(successor[unit]);
    }
    memcpy(h, successor, (size_t)units * sizeof *h);
    input += layer->inputs;
  }
}
