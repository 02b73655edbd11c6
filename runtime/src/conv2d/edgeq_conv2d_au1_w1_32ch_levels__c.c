/* Convolution: inputs 0 and 1, weights +1 and -1, in bit-slices. What it costs: edgeq_bit_slices.h. */
#define EDGEQ_KERNEL edgeq_conv2d_au1_w1_32ch_levels__c
#define EDGEQ_BITS 1
#define EDGEQ_KIND EDGEQ_UNSIGNED
#define EDGEQ_PLANES 1
#define EDGEQ_BINARY 1
#define EDGEQ_FACTOR_BITS 0
#include "sliced.h"
