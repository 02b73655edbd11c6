/* Maximum over windows of packed activations, 0 and 1. */
#define EDGEQ_KERNEL edgeq_max_pool2d_au1__c
#define EDGEQ_BITS 1
#define EDGEQ_KIND EDGEQ_UNSIGNED
#include "packed.h"
