/* Maximum over windows of packed activations, +1 and -1. */
#define EDGEQ_KERNEL edgeq_max_pool2d_a1__c
#define EDGEQ_BITS 1
#define EDGEQ_KIND EDGEQ_BIPOLAR
#include "packed.h"
