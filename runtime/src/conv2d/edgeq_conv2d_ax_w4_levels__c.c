/* Two-dimensional convolution with levels, any activations, 4-bit weights: the portable one for every shape. */
#include "edgeq/edgeq_unpack_w4.h"

#define EDGEQ_KERNEL edgeq_conv2d_ax_w4_levels__c
#define EDGEQ_WEIGHT(row, i) edgeq_unpack_w4(row, i)
#define EDGEQ_WEIGHT_BITS 4

#include "any_levels.h"
