/* Straight lines between table entries, int16 to int8. */
#define EDGEQ_KERNEL edgeq_lookup_a16_to8__c
#define EDGEQ_OUTPUT int8_t

#include "interpolated.h"
