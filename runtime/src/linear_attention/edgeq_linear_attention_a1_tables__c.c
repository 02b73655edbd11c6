/* Linear attention over a window by tables; codes are packed. */
#define EDGEQ_KERNEL edgeq_linear_attention_a1_tables__c
#define EDGEQ_PACKED 1

#include "tables.h"
