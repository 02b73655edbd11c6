/* Fully connected layer with ternary weights, any shape: the weights are unpacked row by row.
 *
 * With one row of inputs Cortex-M0+ 16, M3 11 and RV32IMC 13 instructions per MAC; unpacking is half of that, and every
 * further row of inputs costs 6, 4 and 5.5.
 */
#define EDGEQ_KERNEL edgeq_dense_a8_wt5__c
#define EDGEQ_UNPACK edgeq_unpack_row_wt5

#include "any_weights.h"
