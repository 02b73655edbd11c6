/* LSTM of any shape: the body of the plain kernels for int8 and int16.
 *
 * The including file defines EDGEQ_KERNEL, the types EDGEQ_INPUT and EDGEQ_OUTPUT, and those functions of
 * edgeq_recurrent.h which read and give them: EDGEQ_INPUT_PRODUCT and EDGEQ_STATE_OUTPUT. */
#include "edgeq/edgeq_lstm.h"

#include <string.h>

/* The sum of one gate, as Q3.12. */
static int32_t gate(const edgeq_lstm_t *layer, int32_t g, int32_t unit, const EDGEQ_INPUT *input, const int16_t *h) {
  const int32_t row = g * layer->units + unit;
  return EDGEQ_INPUT_PRODUCT(layer, row, input) + edgeq_state_product(layer, row, h);
}

static int32_t next(const edgeq_lstm_t *layer, int32_t unit, const EDGEQ_INPUT *input, const int16_t *h,
                    int16_t *cell) {
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

void EDGEQ_KERNEL(const edgeq_lstm_t *layer, const EDGEQ_INPUT *input, EDGEQ_OUTPUT *output, void *scratch) {
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
      *output++ = EDGEQ_STATE_OUTPUT(successor[unit]);
    }
    memcpy(h, successor, (size_t)units * sizeof *h);
    input += layer->inputs;
  }
}
