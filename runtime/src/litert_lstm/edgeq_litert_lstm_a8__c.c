/* LSTM of int8 TFLite files, of any shape.
 *
 * Cost: 4 to 5 instructions per MAC, and some 1,300 per unit and step: five functions in fixed point. */
#include "edgeq/edgeq_litert_lstm.h"

#include <string.h>

#include "edgeq/edgeq_fixed16.h"
#include "edgeq/edgeq_requantize.h"

static int32_t row_sum(const int8_t *weights, const int8_t *values, int32_t count, int32_t sum) {
  for (int32_t i = 0; i < count; i++) {
    sum += weights[i] * values[i];
  }
  return sum;
}

/* The sum of one gate, as Q3.12 of 16 bits. */
static int32_t gate(const edgeq_litert_lstm_t *layer, int32_t g, int32_t unit, const int8_t *input, const int8_t *h) {
  const int32_t row = g * layer->units + unit;
  int32_t sum = row_sum(layer->input_weights + row * layer->inputs, input, layer->inputs, layer->input_bias[row]);
  const int32_t fresh = edgeq_saturated16(edgeq_requantize(sum, layer->input_multipliers[g], layer->input_shifts[g]));
  sum = row_sum(layer->state_weights + row * layer->units, h, layer->units, layer->state_bias[row]);
  return edgeq_saturated16(fresh + edgeq_requantize(sum, layer->state_multipliers[g], layer->state_shifts[g]));
}

/* One call site of each function for the compiler to share. */
static int32_t opened(const edgeq_litert_lstm_t *layer, int32_t g, int32_t unit, const int8_t *input, const int8_t *h) {
  return edgeq_logistic16(gate(layer, g, unit, input, h));
}

static int32_t bounded(int32_t x, int32_t integer_bits) {
  return edgeq_tanh16(x, integer_bits);
}

static int8_t next(const edgeq_litert_lstm_t *layer, int32_t unit, const int8_t *input, const int8_t *h,
                   int16_t *cell) {
  const int32_t in = opened(layer, 0, unit, input, h);
  const int32_t out = opened(layer, 1, unit, input, h);
  const int32_t keep = opened(layer, 2, unit, input, h);
  const int32_t g = bounded(gate(layer, 3, unit, input, h), 3);
  int32_t c = edgeq_round_right(keep * cell[unit], 15) + edgeq_round_right(in * g, 30 - layer->cell_bits);
  c = edgeq_saturated16(c);
  if (layer->cell_limit) {
    c = edgeq_clamp(c, -layer->cell_limit, layer->cell_limit);
  }
  cell[unit] = (int16_t)c;
  const int32_t y = edgeq_requantize(out * bounded(c, 15 - layer->cell_bits), layer->multiplier, layer->shift);
  return edgeq_output(y, layer->output_zero_point, INT8_MIN, INT8_MAX);
}

void edgeq_litert_lstm_a8__c(const edgeq_litert_lstm_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t units = layer->units;
  int16_t *const cell = (int16_t *)scratch;
  int8_t *const h = (int8_t *)(cell + units);
  int8_t *const successor = h + units;
  if (!layer->stateful) {
    memset(cell, 0, (size_t)units * sizeof *cell);
    memset(h, (int)(uint8_t)layer->first_state, (size_t)units);
  }
  for (int32_t t = 0; t < layer->steps; t++) {
    for (int32_t unit = 0; unit < units; unit++) {
      successor[unit] = next(layer, unit, input, h, cell);
    }
    memcpy(h, successor, (size_t)units);
    memcpy(output, successor, (size_t)units);
    input += layer->inputs;
    output += units;
  }
}
