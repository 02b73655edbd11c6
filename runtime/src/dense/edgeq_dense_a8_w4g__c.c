/* Fully connected layer of any shape, int8 activations, 4-bit weights in groups. */
#define EDGEQ_KERNEL edgeq_dense_a8_w4g__c
#define EDGEQ_GROUP_BITS 4
#define EDGEQ_GROUP_BIAS 8
#define EDGEQ_GROUP_STEP 1
#define EDGEQ_GROUP_CHUNK 32
#define EDGEQ_GROUP_PLANES 1

#include "grouped.h"
