/* Sums of two int16 tensors of any shape, to int8. Two long products per element. */
#define EDGEQ_KERNEL edgeq_add_a16_to8__c
#define EDGEQ_OUTPUT int8_t

#include "any_wide.h"
