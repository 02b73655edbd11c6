/* Vanilla RNN: h becomes tanh or relu of W x + R h.
 *
 * With tanh, sums are Q3.12 and h is Q0.15. With relu, both are 16-bit numbers whose scale the converter chose; they
 * saturate. edgeq/ops/rnn.py is the twin. */
#ifndef EDGEQ_RNN_H
#define EDGEQ_RNN_H

#include "edgeq/edgeq_recurrent.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef struct {
  int32_t steps;  /* > 0 */
  int32_t inputs; /* elements of one step's input; > 0 */
  int32_t units;  /* [1, 256] */
  int32_t stateful;
  int32_t relu;       /* 1: relu, 0: tanh */
  int32_t multiplier; /* from h to the output */
  int32_t shift;
  int32_t output_zero_point;
  const int8_t *input_weights; /* [units][inputs] */
  const int32_t *input_bias;   /* [units]; the input's zero point is in it */
  const int32_t *input_multipliers;
  const int8_t *input_shifts;
  const int8_t *state_weights; /* [units][units] */
  const int32_t *state_bias;
  const int32_t *state_multipliers;
  const int8_t *state_shifts;
  int32_t starts;       /* whether a sequence starts from `first`, not from zeros */
  const int16_t *first; /* [units] */
  const int16_t *tanh;  /* [257], at -8, -8 + 1/16, ... 8; not read with relu */
} edgeq_rnn_t;

/* Any shape. scratch: int16_t[2 * units], the state and its successor. Input and output must not overlap. */
void edgeq_rnn_a8__c(const edgeq_rnn_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* int16 in, out, or both: at most 384 inputs where they are int16, with zero point 0. output_zero_point is 0 for an
 * int16 output. scratch and overlap as above. */
void edgeq_rnn_a8_to16__c(const edgeq_rnn_t *layer, const int8_t *input, int16_t *output, void *scratch);
void edgeq_rnn_a16_to8__c(const edgeq_rnn_t *layer, const int16_t *input, int8_t *output, void *scratch);
void edgeq_rnn_a16_to16__c(const edgeq_rnn_t *layer, const int16_t *input, int16_t *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
