/* Convolutions of any shape, int16 to int8, window by window. */
#define EDGEQ_KERNEL edgeq_conv2d_a16_w8_to8__c
#define EDGEQ_INPUT int16_t
#define EDGEQ_OUTPUT int8_t

#include "wide_window.h"
