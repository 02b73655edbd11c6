/* Vanilla RNN of any shape, int8 to int16: the plain kernel of int8 with other types. */
#define EDGEQ_KERNEL edgeq_rnn_a8_to16__c
#define EDGEQ_INPUT int8_t
#define EDGEQ_OUTPUT int16_t
#define EDGEQ_LOWEST INT16_MIN
#define EDGEQ_HIGHEST INT16_MAX
#define EDGEQ_INPUT_SUM edgeq_input_sum

#include "any_width.h"
