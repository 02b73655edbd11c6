/* Convolutions of any shape, int16 to int16, window by window. */
#define EDGEQ_KERNEL edgeq_conv2d_a16_w8_to16__c
#define EDGEQ_INPUT int16_t
#define EDGEQ_OUTPUT int16_t

#include "wide_window.h"
