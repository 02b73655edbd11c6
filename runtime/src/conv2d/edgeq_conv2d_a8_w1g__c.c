/* Convolution of any shape, int8 activations, binary weights in groups. */
#define EDGEQ_KERNEL edgeq_conv2d_a8_w1g__c
#define EDGEQ_GROUP_BITS 1
#define EDGEQ_GROUP_BIAS 1
#define EDGEQ_GROUP_STEP 2
#define EDGEQ_GROUP_CHUNK 128
#define EDGEQ_GROUP_PLANES 1

#include "grouped.h"
