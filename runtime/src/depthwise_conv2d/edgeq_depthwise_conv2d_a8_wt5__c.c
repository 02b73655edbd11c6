/* Depthwise convolution with ternary weights, any shape: the weights are unpacked row by row.
 *
 * Cortex-M0+ 35, M3 22 and RV32IMC 16 instructions per MAC: per tap a border check, two loads, multiply, add and the
 * address; unpacking counts once per channel, not per pixel.
 */
#define EDGEQ_KERNEL edgeq_depthwise_conv2d_a8_wt5__c
#define EDGEQ_UNPACK edgeq_unpack_row_wt5

#include "any_weights.h"
