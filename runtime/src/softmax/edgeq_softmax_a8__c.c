/* Softmax of any shape: per row a maximum, a sum, one reciprocal, and a product per element. */
#define EDGEQ_KERNEL edgeq_softmax_a8__c
#define EDGEQ_OUTPUT int8_t
#define EDGEQ_BITS 8
#define EDGEQ_LARGEST 255
#define EDGEQ_ZERO_POINT -128

#include "any_width.h"
