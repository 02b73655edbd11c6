/* Depthwise convolution with levels, any activations, int8 weights: the portable one for every shape. */
#include "edgeq/edgeq_unpack_w8.h"

#define EDGEQ_KERNEL edgeq_depthwise_conv2d_ax_w8_levels__c
#define EDGEQ_WEIGHT(row, i) edgeq_unpack_w8(row, i)
#define EDGEQ_WEIGHT_BITS 8

#include "any_levels.h"
