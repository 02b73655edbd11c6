/* int16 times a factor, to int8: requantization. */
#define EDGEQ_KERNEL edgeq_lookup_a16_linear_to8__c
#define EDGEQ_OUTPUT int8_t

#include "linear.h"
