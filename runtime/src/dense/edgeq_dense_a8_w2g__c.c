/* Fully connected layer of any shape, int8 activations, 2-bit weights in groups, ternary ones among them. */
#define EDGEQ_KERNEL edgeq_dense_a8_w2g__c
#define EDGEQ_GROUP_BITS 2
#define EDGEQ_GROUP_BIAS 2
#define EDGEQ_GROUP_STEP 1
#define EDGEQ_GROUP_CHUNK 128
#define EDGEQ_GROUP_PLANES 1

#include "grouped.h"
