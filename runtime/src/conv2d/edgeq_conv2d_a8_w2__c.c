/* Convolution with 2-bit weights, any shape: the weights are unpacked row by row.
 *
 * Cortex-M0+ 6, M3 4 and RV32IMC 5.7 instructions per MAC (two loads, multiply, add, a quarter of the loop), and 30 to
 * 60 per tap position; unpacking counts once per channel, not per pixel.
 */
#define EDGEQ_KERNEL edgeq_conv2d_a8_w2__c
#define EDGEQ_UNPACK edgeq_unpack_row_w2

#include "any_weights.h"
