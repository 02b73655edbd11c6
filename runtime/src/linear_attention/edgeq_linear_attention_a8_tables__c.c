/* Linear attention over a window by tables; a code is the signs of int8 elements. */
#define EDGEQ_KERNEL edgeq_linear_attention_a8_tables__c
#define EDGEQ_PACKED 0

#include "tables.h"
