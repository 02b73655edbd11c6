/* Fully connected layer: inputs 0 to 3, weights -2 to 1, in bit-slices. What it costs: edgeq_bit_slices.h. */
#define EDGEQ_KERNEL edgeq_dense_au2_wp2_32ch_levels__c
#define EDGEQ_BITS 2
#define EDGEQ_KIND EDGEQ_UNSIGNED
#define EDGEQ_PLANES 2
#define EDGEQ_BINARY 0
#define EDGEQ_FACTOR_BITS 3
#include "sliced.h"
