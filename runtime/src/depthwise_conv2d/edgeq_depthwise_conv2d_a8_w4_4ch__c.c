/* Depthwise convolution with 4-bit weights by blocks of 4 channels; depth multiplier 1, windows of up to 30 taps.
 *
 * The int8 kernel on weights that are unpacked once, 5 to 12 instructions for each of them: with 125 pixels and 3x3
 * taps at most 0.1 instructions per MAC more than the int8 kernel's 7.6 (Cortex-M3), 8.2 (RV32IMC), 14 to 19
 * (Cortex-M0+).
 */
#define EDGEQ_KERNEL edgeq_depthwise_conv2d_a8_w4_4ch__c
#define EDGEQ_UNPACK edgeq_unpack_row_w4

#include "unpacked_4ch.h"
