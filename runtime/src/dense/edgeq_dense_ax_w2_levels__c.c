/* Fully connected layer with levels, any activations, 2-bit weights: the portable one for every shape. */
#include "edgeq/edgeq_unpack_w2.h"

#define EDGEQ_KERNEL edgeq_dense_ax_w2_levels__c
#define EDGEQ_WEIGHT(row, i) edgeq_unpack_w2(row, i)
#define EDGEQ_WEIGHT_BITS 2

#include "any_levels.h"
