/* Maximum over windows of packed activations, -2 to 1. */
#define EDGEQ_KERNEL edgeq_max_pool2d_a2__c
#define EDGEQ_BITS 2
#define EDGEQ_KIND EDGEQ_TWOS_COMPLEMENT
#include "packed.h"
