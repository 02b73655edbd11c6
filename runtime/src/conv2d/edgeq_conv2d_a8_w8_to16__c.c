/* Convolutions of any shape, int8 to int16, window by window. */
#define EDGEQ_KERNEL edgeq_conv2d_a8_w8_to16__c
#define EDGEQ_INPUT int8_t
#define EDGEQ_OUTPUT int16_t

#include "wide_window.h"
