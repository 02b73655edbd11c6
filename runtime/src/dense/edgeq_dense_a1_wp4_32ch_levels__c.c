/* Fully connected layer: inputs +1 and -1, weights -8 to 7, in bit-slices. What it costs: edgeq_bit_slices.h. */
#define EDGEQ_KERNEL edgeq_dense_a1_wp4_32ch_levels__c
#define EDGEQ_BITS 1
#define EDGEQ_KIND EDGEQ_BIPOLAR
#define EDGEQ_PLANES 4
#define EDGEQ_BINARY 0
#define EDGEQ_FACTOR_BITS 4
#include "sliced.h"
