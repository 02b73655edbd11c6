/* Convolution of any shape: groups, strides, dilations, padding.
 *
 * Output by output, tap by tap, straight from the input; weights [o][ky][kx][c]. Taps in the padding read the input's
 * zero point. Small rather than fast: the inner loop has two loads, multiply, add, count and branch per MAC: 7, 5 and 7
 * instructions on Cortex-M0+, M3 and RV32IMC, and 20 to 50 per tap position.
 */
#define EDGEQ_KERNEL edgeq_conv2d_a8_w8__c
#define EDGEQ_INPUT int8_t
#define EDGEQ_OUTPUT int8_t

#include "any_width.h"
