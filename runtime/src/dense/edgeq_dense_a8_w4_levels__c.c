/* Fully connected layer with levels, int8 activations, 4-bit weights.
 *
 * Each row is unpacked for the one dot product that reads it, which costs as much as the product. */
#include "edgeq/edgeq_unpack_rows.h"

#define EDGEQ_KERNEL edgeq_dense_a8_w4_levels__c
#define EDGEQ_ROW(packed, count, buffer) (edgeq_unpack_row_w4(packed, count, buffer), (buffer))
#define EDGEQ_ROW_BITS 4

#include "int8_levels.h"
