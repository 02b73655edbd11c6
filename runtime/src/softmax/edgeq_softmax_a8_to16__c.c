/* Softmax of any shape, int8 to int16: the plain kernel of int8 with other types. */
#define EDGEQ_KERNEL edgeq_softmax_a8_to16__c
#define EDGEQ_OUTPUT int16_t
#define EDGEQ_BITS 15
#define EDGEQ_LARGEST 32767
#define EDGEQ_ZERO_POINT 0

#include "any_width.h"
