/* Maximum over windows of packed activations, 0 to 15. */
#define EDGEQ_KERNEL edgeq_max_pool2d_au4__c
#define EDGEQ_BITS 4
#define EDGEQ_KIND EDGEQ_UNSIGNED
#include "packed.h"
