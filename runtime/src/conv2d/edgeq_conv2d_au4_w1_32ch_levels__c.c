/* Convolution: inputs 0 to 15, weights +1 and -1, in bit-slices. What it costs: edgeq_bit_slices.h. */
#define EDGEQ_KERNEL edgeq_conv2d_au4_w1_32ch_levels__c
#define EDGEQ_BITS 4
#define EDGEQ_KIND EDGEQ_UNSIGNED
#define EDGEQ_PLANES 1
#define EDGEQ_BINARY 1
#define EDGEQ_FACTOR_BITS 4
#include "sliced.h"
