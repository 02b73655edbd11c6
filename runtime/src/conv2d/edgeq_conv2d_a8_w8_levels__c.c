/* Two-dimensional convolution with levels, int8 activations, int8 weights.
 *
 * Rows are read where they lie: two loads, a multiplication, an addition and a quarter of a loop per MAC. */
#define EDGEQ_KERNEL edgeq_conv2d_a8_w8_levels__c
#define EDGEQ_ROW(packed, count, buffer) ((const int8_t *)(packed))
#define EDGEQ_ROW_BITS 8

#include "int8_levels.h"
