/* Two-dimensional convolution with levels, any activations, binary weights: the portable one for every shape. */
#include "edgeq/edgeq_unpack_w1.h"

#define EDGEQ_KERNEL edgeq_conv2d_ax_w1_levels__c
#define EDGEQ_WEIGHT(row, i) edgeq_unpack_w1(row, i)
#define EDGEQ_WEIGHT_BITS 1

#include "any_levels.h"
