/* int16 times a factor, to int16: requantization. */
#define EDGEQ_KERNEL edgeq_lookup_a16_linear_to16__c
#define EDGEQ_OUTPUT int16_t

#include "linear.h"
