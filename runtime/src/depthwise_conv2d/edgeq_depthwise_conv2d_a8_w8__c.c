/* Depthwise convolution of any shape: depth multiplier, strides, dilations, padding.
 *
 * Output by output, tap by tap, straight from the input; weights [ky][kx][o]. Taps in the padding read the input's
 * zero point. Small rather than fast: per tap a border check, two loads, multiply, add and three address steps: 31, 24
 * and 20 instructions per MAC on Cortex-M0+, M3 and RV32IMC.
 */
#define EDGEQ_KERNEL edgeq_depthwise_conv2d_a8_w8__c
#define EDGEQ_INPUT int8_t
#define EDGEQ_OUTPUT int8_t

#include "any_width.h"
