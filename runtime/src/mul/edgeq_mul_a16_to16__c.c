/* Products of two int16 tensors of any shape, to int16. */
#define EDGEQ_KERNEL edgeq_mul_a16_to16__c
#define EDGEQ_OUTPUT int16_t

#include "any_wide.h"
