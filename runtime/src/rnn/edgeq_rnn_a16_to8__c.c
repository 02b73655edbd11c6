/* Vanilla RNN of any shape, int16 to int8: the plain kernel of int8 with other types. */
#define EDGEQ_KERNEL edgeq_rnn_a16_to8__c
#define EDGEQ_INPUT int16_t
#define EDGEQ_OUTPUT int8_t
#define EDGEQ_LOWEST INT8_MIN
#define EDGEQ_HIGHEST INT8_MAX
#define EDGEQ_INPUT_SUM edgeq_state_sum

#include "any_width.h"
