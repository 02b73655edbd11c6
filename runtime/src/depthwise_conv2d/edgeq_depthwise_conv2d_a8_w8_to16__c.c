/* Depthwise convolutions of any shape, int8 to int16, tap by tap. */
#define EDGEQ_KERNEL edgeq_depthwise_conv2d_a8_w8_to16__c
#define EDGEQ_INPUT int8_t
#define EDGEQ_OUTPUT int16_t

#include "wide_taps.h"
