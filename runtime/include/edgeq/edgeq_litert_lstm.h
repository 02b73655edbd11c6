/* LSTM of int8 TFLite files, with LiteRT's arithmetic: h is the int8 output, the cell has 16 bits.
 *
 * Gates i, o, f = sigmoid, g = tanh; cell becomes f cell + i g, h becomes o tanh(cell). Sums of gates are Q3.12.
 * edgeq/ops/litert_lstm.py is the twin. */
#ifndef EDGEQ_LITERT_LSTM_H
#define EDGEQ_LITERT_LSTM_H

#include <stdint.h>

#include "edgeq/edgeq_fill.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. Rows are 4 * units: all of i, of o, of f, of g. */
typedef struct {
  int32_t steps;  /* > 0 */
  int32_t inputs; /* elements of one step's input; > 0 */
  int32_t units;  /* > 0 */
  int32_t stateful;
  int32_t cell_bits;  /* bits behind the point of the cell: [9, 15] */
  int32_t cell_limit; /* the largest size of a cell, or 0 */
  int32_t multiplier; /* from products of two Q0.15 numbers to the output */
  int32_t shift;      /* <= 0 */
  int32_t output_zero_point;
  int32_t first_state;              /* an h of 0 */
  const int8_t *input_weights;      /* [rows][inputs] */
  const int32_t *input_bias;        /* [rows]; the input's zero point is in it */
  const int32_t *input_multipliers; /* [4], to Q3.12 */
  const int8_t *input_shifts;       /* [4] */
  const int8_t *state_weights;      /* [rows][units] */
  const int32_t *state_bias;        /* [rows]; the state's zero point is in it */
  const int32_t *state_multipliers; /* [4] */
  const int8_t *state_shifts;       /* [4] */
} edgeq_litert_lstm_t;

/* Any shape. scratch: int16_t cell[units], int8_t h[units], int8_t successor[units]. With `stateful` it lasts from call
 * to call; otherwise every call starts from cells and states of 0. Input and output must not overlap.
 */
void edgeq_litert_lstm_a8__c(const edgeq_litert_lstm_t *layer, const int8_t *input, int8_t *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
