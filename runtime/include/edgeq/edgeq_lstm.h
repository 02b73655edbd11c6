/* LSTM: i, o, f = sigmoid, g = tanh; cell becomes f cell + i g, h becomes o tanh(cell). Gates in the order i, o, f, g.
 */
#ifndef EDGEQ_LSTM_H
#define EDGEQ_LSTM_H

#include "edgeq/edgeq_recurrent.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef edgeq_recurrent_t edgeq_lstm_t;

/* Any shape. scratch: int16_t[3 * units]: the state, the cell, the state's successor. Input and output must not
 * overlap. */
void edgeq_lstm_a8__c(const edgeq_lstm_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* int16 in, out, or both: at most 384 inputs where they are int16, with zero point 0. An int16 output is the state
 * itself. scratch and overlap as above. */
void edgeq_lstm_a8_to16__c(const edgeq_lstm_t *layer, const int8_t *input, int16_t *output, void *scratch);
void edgeq_lstm_a16_to8__c(const edgeq_lstm_t *layer, const int16_t *input, int8_t *output, void *scratch);
void edgeq_lstm_a16_to16__c(const edgeq_lstm_t *layer, const int16_t *input, int16_t *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
