/* Convolutions of any shape, int16 to int8: the plain kernel of int8 with other types. */
#define EDGEQ_KERNEL edgeq_conv2d_a16_w8_to8__c
#define EDGEQ_INPUT int16_t
#define EDGEQ_OUTPUT int8_t

#include "any_width.h"
