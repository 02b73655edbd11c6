/* Vanilla RNN of any shape: the body of the plain kernels for int8 and int16.
 *
 * The including file defines EDGEQ_KERNEL, the types EDGEQ_INPUT and EDGEQ_OUTPUT, its ends EDGEQ_LOWEST and
 * EDGEQ_HIGHEST, and EDGEQ_INPUT_SUM, which multiplies a row of weights with a step's input. */
#include "edgeq/edgeq_rnn.h"

#include <string.h>

static int32_t next(const edgeq_rnn_t *layer, int32_t unit, const EDGEQ_INPUT *input, const int16_t *h) {
  const int8_t *const w = layer->input_weights + unit * layer->inputs;
  const int8_t *const r = layer->state_weights + unit * layer->units;
  const int32_t from_input = EDGEQ_INPUT_SUM(w, input, layer->inputs, layer->input_bias[unit]);
  const int32_t from_state = edgeq_state_sum(r, h, layer->units, layer->state_bias[unit]);
  const int32_t sum = edgeq_requantize(from_input, layer->input_multipliers[unit], layer->input_shifts[unit]) +
                      edgeq_requantize(from_state, layer->state_multipliers[unit], layer->state_shifts[unit]);
  return layer->relu ? edgeq_clamp(sum, 0, INT16_MAX) : edgeq_interpolated(layer->tanh, sum);
}

void EDGEQ_KERNEL(const edgeq_rnn_t *layer, const EDGEQ_INPUT *input, EDGEQ_OUTPUT *output, void *scratch) {
  const int32_t units = layer->units;
  int16_t *const h = (int16_t *)scratch;
  int16_t *const successor = h + units;
  if (!layer->stateful) {
    edgeq_start_state(h, layer->starts, layer->first, units);
  }
  for (int32_t t = 0; t < layer->steps; t++) {
    for (int32_t unit = 0; unit < units; unit++) {
      successor[unit] = (int16_t)next(layer, unit, input, h);
      const int32_t y = edgeq_requantize(successor[unit], layer->multiplier, layer->shift) + layer->output_zero_point;
      *output++ = (EDGEQ_OUTPUT)edgeq_clamp(y, EDGEQ_LOWEST, EDGEQ_HIGHEST);
    }
    memcpy(h, successor, (size_t)units * sizeof *h);
    input += layer->inputs;
  }
}
