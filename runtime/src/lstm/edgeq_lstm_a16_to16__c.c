/* LSTM of any shape, int16 to int16: the plain kernel of int8 with other types. */
#define EDGEQ_KERNEL edgeq_lstm_a16_to16__c
#define EDGEQ_INPUT int16_t
#define EDGEQ_OUTPUT int16_t
#define EDGEQ_INPUT_PRODUCT edgeq_wide_input_product
#define EDGEQ_STATE_OUTPUT edgeq_wide_state_output

#include "any_width.h"
