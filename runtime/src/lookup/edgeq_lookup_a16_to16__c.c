/* Straight lines between table entries, int16 to int16. */
#define EDGEQ_KERNEL edgeq_lookup_a16_to16__c
#define EDGEQ_OUTPUT int16_t

#include "interpolated.h"
