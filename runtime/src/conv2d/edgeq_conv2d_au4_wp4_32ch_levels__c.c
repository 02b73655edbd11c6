/* Convolution: inputs 0 to 15, weights -8 to 7, in bit-slices. What it costs: edgeq_bit_slices.h. */
#define EDGEQ_KERNEL edgeq_conv2d_au4_wp4_32ch_levels__c
#define EDGEQ_BITS 4
#define EDGEQ_KIND EDGEQ_UNSIGNED
#define EDGEQ_PLANES 4
#define EDGEQ_BINARY 0
#define EDGEQ_FACTOR_BITS 7
#include "sliced.h"
