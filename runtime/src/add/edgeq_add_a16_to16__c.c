/* Sums of two int16 tensors of any shape, to int16. Two long products per element. */
#define EDGEQ_KERNEL edgeq_add_a16_to16__c
#define EDGEQ_OUTPUT int16_t

#include "any_wide.h"
