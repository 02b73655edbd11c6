/* Maximum over windows of packed activations, 0 to 3. */
#define EDGEQ_KERNEL edgeq_max_pool2d_au2__c
#define EDGEQ_BITS 2
#define EDGEQ_KIND EDGEQ_UNSIGNED
#include "packed.h"
