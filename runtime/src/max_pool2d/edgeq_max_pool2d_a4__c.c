/* Maximum over windows of packed activations, -8 to 7. */
#define EDGEQ_KERNEL edgeq_max_pool2d_a4__c
#define EDGEQ_BITS 4
#define EDGEQ_KIND EDGEQ_TWOS_COMPLEMENT
#include "packed.h"
