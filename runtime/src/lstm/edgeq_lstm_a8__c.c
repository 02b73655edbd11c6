/* LSTM of any shape.
 *
 * Cost: about 6 instructions per MAC, and some 200 per unit and step for the gates; the loads limit it. */
#include "edgeq/edgeq_lstm.h"

#include <string.h>

/* The sum of one gate, as Q3.12. */
static int32_t gate(const edgeq_lstm_t *layer, int32_t g, int32_t unit, const int8_t *input, const int16_t *h) {
  const int32_t row = g * layer->units + unit;
  return edgeq_input_product(layer, row, input) + edgeq_state_product(layer, row, h);
}

static int32_t next(const edgeq_lstm_t *layer, int32_t unit, const int8_t *input, const int16_t *h, int16_t *cell) {
  const int32_t bits = layer->cell_bits;
  const int32_t in = edgeq_interpolated(layer->sigmoid, gate(layer, 0, unit, input, h));
  const int32_t out = edgeq_interpolated(layer->sigmoid, gate(layer, 1, unit, input, h));
  const int32_t keep = edgeq_interpolated(layer->sigmoid, gate(layer, 2, unit, input, h));
  const int32_t g = edgeq_interpolated(layer->tanh, gate(layer, 3, unit, input, h));
  const int32_t added = (in * g + (1 << (29 - bits))) >> (30 - bits);
  const int32_t c = edgeq_clamp(edgeq_scaled(keep, cell[unit]) + added, -layer->cell_limit, layer->cell_limit);
  cell[unit] = (int16_t)c;
  return edgeq_scaled(out, edgeq_interpolated(layer->tanh, bits <= 12 ? c * (1 << (12 - bits)) : c >> (bits - 12)));
}

void edgeq_lstm_a8__c(const edgeq_lstm_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t units = layer->units;
  int16_t *const h = (int16_t *)scratch;
  int16_t *const cell = h + units;
  int16_t *const successor = cell + units;
  if (!layer->stateful) {
    edgeq_start_state(h, layer->starts, layer->first, 2 * units);
  }
  for (int32_t t = 0; t < layer->steps; t++) {
    for (int32_t unit = 0; unit < units; unit++) {
      successor[unit] = (int16_t)next(layer, unit, input, h, cell);
      *output++ = edgeq_state_output(successor[unit]);
    }
    memcpy(h, successor, (size_t)units * sizeof *h);
    input += layer->inputs;
  }
}
