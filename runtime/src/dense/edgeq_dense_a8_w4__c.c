/* Fully connected layer with 4-bit weights, any shape: the weights are unpacked row by row.
 *
 * With one row of inputs Cortex-M0+ 11, M3 7 and RV32IMC 10 instructions per MAC; unpacking is half of that, and every
 * further row of inputs costs 6, 4 and 5.5.
 */
#define EDGEQ_KERNEL edgeq_dense_a8_w4__c
#define EDGEQ_UNPACK edgeq_unpack_row_w4

#include "any_weights.h"
