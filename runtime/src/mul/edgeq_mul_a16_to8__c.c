/* Products of two int16 tensors of any shape, to int8. */
#define EDGEQ_KERNEL edgeq_mul_a16_to8__c
#define EDGEQ_OUTPUT int8_t

#include "any_wide.h"
