/* GRU: z, r = sigmoid; n = tanh(W x + r (R h)); h becomes (1 - z) n + z h. Gates in the order z, r, n. */
#ifndef EDGEQ_GRU_H
#define EDGEQ_GRU_H

#include "edgeq/edgeq_recurrent.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef edgeq_recurrent_t edgeq_gru_t;

/* Any shape. scratch: int16_t[2 * units], the state and its successor. Input and output must not overlap. */
void edgeq_gru_a8__c(const edgeq_gru_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* int16 in, out, or both: at most 384 inputs where they are int16, with zero point 0. An int16 output is the state
 * itself. scratch and overlap as above. */
void edgeq_gru_a8_to16__c(const edgeq_gru_t *layer, const int8_t *input, int16_t *output, void *scratch);
void edgeq_gru_a16_to8__c(const edgeq_gru_t *layer, const int16_t *input, int8_t *output, void *scratch);
void edgeq_gru_a16_to16__c(const edgeq_gru_t *layer, const int16_t *input, int16_t *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
