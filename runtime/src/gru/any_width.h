/* GRU of any shape: the body of the plain kernels for int8 and int16.
 *
 * The including file defines EDGEQ_KERNEL, the types EDGEQ_INPUT and EDGEQ_OUTPUT, and those functions of
 * edgeq_recurrent.h which read and give them: EDGEQ_INPUT_PRODUCT and EDGEQ_STATE_OUTPUT. */
#include "edgeq/edgeq_gru.h"

#include <string.h>

static int32_t next(const edgeq_gru_t *layer, int32_t unit, const EDGEQ_INPUT *input, const int16_t *h) {
  const int32_t units = layer->units;
  int32_t gates[2];
  for (int32_t g = 0; g < 2; g++) {
    const int32_t row = g * units + unit;
    gates[g] =
        edgeq_interpolated(layer->sigmoid, EDGEQ_INPUT_PRODUCT(layer, row, input) + edgeq_state_product(layer, row, h));
  }
  const int32_t row = 2 * units + unit;
  const int32_t past = edgeq_clamp(edgeq_state_product(layer, row, h), INT16_MIN, INT16_MAX);
  const int32_t n =
      edgeq_interpolated(layer->tanh, EDGEQ_INPUT_PRODUCT(layer, row, input) + edgeq_scaled(gates[1], past));
  return n + edgeq_scaled(gates[0], h[unit] - n);
}

void EDGEQ_KERNEL(const edgeq_gru_t *layer, const EDGEQ_INPUT *input, EDGEQ_OUTPUT *output, void *scratch) {
  const int32_t units = layer->units;
  int16_t *const h = (int16_t *)scratch;
  int16_t *const successor = h + units;
  if (!layer->stateful) {
    edgeq_start_state(h, layer->starts, layer->first, units);
  }
  for (int32_t t = 0; t < layer->steps; t++) {
    for (int32_t unit = 0; unit < units; unit++) {
      successor[unit] = (int16_t)next(layer, unit, input, h);
      *output++ = EDGEQ_STATE_OUTPUT(successor[unit]);
    }
    memcpy(h, successor, (size_t)units * sizeof *h);
    input += layer->inputs;
  }
}
