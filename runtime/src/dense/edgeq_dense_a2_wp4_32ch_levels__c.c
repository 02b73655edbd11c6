/* Fully connected layer: inputs -2 to 1, weights -8 to 7, in bit-slices. What it costs: edgeq_bit_slices.h. */
#define EDGEQ_KERNEL edgeq_dense_a2_wp4_32ch_levels__c
#define EDGEQ_BITS 2
#define EDGEQ_KIND EDGEQ_TWOS_COMPLEMENT
#define EDGEQ_PLANES 4
#define EDGEQ_BINARY 0
#define EDGEQ_FACTOR_BITS 4
#include "sliced.h"
