/* Vanilla RNN of any shape.
 *
 * Cost: 5 to 7 instructions per MAC, and some 130 per unit and step; the loads limit it. */
#define EDGEQ_KERNEL edgeq_rnn_a8__c
#define EDGEQ_INPUT int8_t
#define EDGEQ_OUTPUT int8_t
#define EDGEQ_LOWEST INT8_MIN
#define EDGEQ_HIGHEST INT8_MAX
#define EDGEQ_INPUT_SUM edgeq_input_sum

#include "any_width.h"
