/* Convolution of any shape, int8 activations, trit-planes in groups. */
#define EDGEQ_KERNEL edgeq_conv2d_a8_wtx2g__c
#define EDGEQ_GROUP_BITS 2
#define EDGEQ_GROUP_BIAS 1
#define EDGEQ_GROUP_STEP 1
#define EDGEQ_GROUP_CHUNK 128
#define EDGEQ_GROUP_PLANES 2

#include "grouped.h"
