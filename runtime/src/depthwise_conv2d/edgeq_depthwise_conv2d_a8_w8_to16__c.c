/* Depthwise convolutions of any shape, int8 to int16: the plain kernel of int8 with other types. */
#define EDGEQ_KERNEL edgeq_depthwise_conv2d_a8_w8_to16__c
#define EDGEQ_INPUT int8_t
#define EDGEQ_OUTPUT int16_t

#include "any_width.h"
