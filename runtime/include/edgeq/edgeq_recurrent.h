/* What recurrent layers share: int8 or int16 in and out, 16 bits for what they remember. edgeq/ops/recurrent.py is the
 * twin.
 *
 * Sums of weights become Q3.12 numbers; sigmoid and tanh of those are Q0.15, linear between the points of a table.
 * The scratch of a layer begins with its state: h[units] as Q0.15, and for LSTM cell[units]. With `stateful` it lives
 * in the state of the model, and lasts from call to call; otherwise every call starts from `first`, or from zeros.
 */
#ifndef EDGEQ_RECURRENT_H
#define EDGEQ_RECURRENT_H

#include <stdint.h>
#include <string.h>

#include "edgeq/edgeq_fill.h"
#include "edgeq/edgeq_requantize.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. Rows are gates * units, gate by gate. */
typedef struct {
  int32_t steps;  /* > 0 */
  int32_t inputs; /* elements of one step's input; > 0 */
  int32_t units;  /* [1, 256] */
  int32_t stateful;
  int32_t cell_bits;           /* bits behind the point of an LSTM's cell: [1, 15] */
  int32_t cell_limit;          /* the largest size of an LSTM's cell */
  const int8_t *input_weights; /* [rows][inputs] */
  const int32_t *input_bias;   /* [rows]; the input's zero point is in it */
  const int32_t *input_multipliers;
  const int8_t *input_shifts;
  const int8_t *state_weights; /* [rows][units] */
  const int32_t *state_bias;
  const int32_t *state_multipliers;
  const int8_t *state_shifts;
  int32_t starts;         /* whether a sequence starts from `first`, not from zeros */
  const int16_t *first;   /* h[units], and for LSTM cell[units] */
  const int16_t *sigmoid; /* [257], at -8, -8 + 1/16, ... 8 */
  const int16_t *tanh;    /* [257] */
} edgeq_recurrent_t;

/* A row of weights times a step's int8 input, plus `sum`. */
static inline int32_t edgeq_input_sum(const int8_t *weights, const int8_t *input, int32_t count, int32_t sum) {
  for (int32_t i = 0; i < count; i++) {
    sum += weights[i] * input[i];
  }
  return sum;
}

/* A row of weights times 16-bit numbers, the state or a step's int16 input, plus `sum`. */
static inline int32_t edgeq_state_sum(const int8_t *weights, const int16_t *h, int32_t count, int32_t sum) {
  for (int32_t i = 0; i < count; i++) {
    sum += weights[i] * h[i];
  }
  return sum;
}

/* The product of one row with the step's int8 input, as Q3.12. */
static inline int32_t edgeq_input_product(const edgeq_recurrent_t *layer, int32_t row, const int8_t *input) {
  const int8_t *weights = layer->input_weights + row * layer->inputs;
  const int32_t sum = edgeq_input_sum(weights, input, layer->inputs, layer->input_bias[row]);
  return edgeq_requantize(sum, layer->input_multipliers[row], layer->input_shifts[row]);
}

/* The product of one row with the step's int16 input, as Q3.12. At most 384 inputs, so that it fits 32 bits. */
static inline int32_t edgeq_wide_input_product(const edgeq_recurrent_t *layer, int32_t row, const int16_t *input) {
  const int8_t *weights = layer->input_weights + row * layer->inputs;
  const int32_t sum = edgeq_state_sum(weights, input, layer->inputs, layer->input_bias[row]);
  return edgeq_requantize(sum, layer->input_multipliers[row], layer->input_shifts[row]);
}

/* The product of one row with the state, as Q3.12. */
static inline int32_t edgeq_state_product(const edgeq_recurrent_t *layer, int32_t row, const int16_t *h) {
  const int8_t *weights = layer->state_weights + row * layer->units;
  const int32_t sum = edgeq_state_sum(weights, h, layer->units, layer->state_bias[row]);
  return edgeq_requantize(sum, layer->state_multipliers[row], layer->state_shifts[row]);
}

/* Writes what a sequence starts from: `count` numbers of `first`, or zeros without `starts`. */
static inline void edgeq_start_state(int16_t *state, int32_t starts, const int16_t *first, int32_t count) {
  const size_t bytes = (size_t)count * sizeof *state;
  if (starts) {
    memcpy(state, first, bytes);
  } else {
    memset(state, 0, bytes);
  }
}

/* A table's function of a Q3.12 number, limited to 16 bits first, as Q0.15. */
static inline int32_t edgeq_interpolated(const int16_t *table, int32_t x) {
  const int32_t place = edgeq_clamp(x, INT16_MIN, INT16_MAX) - INT16_MIN;
  const int16_t *const low = table + (place >> 8);
  return low[0] + (((low[1] - low[0]) * (place & 255) + 128) >> 8);
}

/* a * b / 2^15, half up. */
static inline int32_t edgeq_scaled(int32_t a, int32_t b) {
  return (a * b + (1 << 14)) >> 15;
}

/* The int8 output of a state. */
static inline int8_t edgeq_state_output(int32_t h) {
  const int32_t y = (h + 128) >> 8;
  return (int8_t)(y > INT8_MAX ? INT8_MAX : y);
}

/* The int16 output of a state: the state. */
static inline int16_t edgeq_wide_state_output(int32_t h) {
  return (int16_t)h;
}

#ifdef __cplusplus
}
#endif

#endif
