/* Linear attention of any shape; a code is the signs of int8 elements. */
#define EDGEQ_KERNEL edgeq_linear_attention_a8__c
#define EDGEQ_PACKED 0

#include "sums.h"
