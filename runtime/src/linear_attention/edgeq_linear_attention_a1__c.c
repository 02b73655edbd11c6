/* Linear attention of any shape; codes are packed. */
#define EDGEQ_KERNEL edgeq_linear_attention_a1__c
#define EDGEQ_PACKED 1

#include "sums.h"
