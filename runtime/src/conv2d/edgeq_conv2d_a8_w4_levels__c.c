/* Two-dimensional convolution with levels, int8 activations, 4-bit weights.
 *
 * Each row is unpacked once; then two loads, a multiplication, an addition and a quarter of a loop per MAC. */
#include "edgeq/edgeq_unpack_rows.h"

#define EDGEQ_KERNEL edgeq_conv2d_a8_w4_levels__c
#define EDGEQ_ROW(packed, count, buffer) (edgeq_unpack_row_w4(packed, count, buffer), (buffer))
#define EDGEQ_ROW_BITS 4

#include "int8_levels.h"
