/* LSTM of any shape.
 *
 * Cost: 4 to 7 instructions per MAC, and 490 to 930 per unit and step for the gates; the loads limit it. */
#define EDGEQ_KERNEL edgeq_lstm_a8__c
#define EDGEQ_INPUT int8_t
#define EDGEQ_OUTPUT int8_t
#define EDGEQ_INPUT_PRODUCT edgeq_input_product
#define EDGEQ_STATE_OUTPUT edgeq_state_output

#include "any_width.h"
