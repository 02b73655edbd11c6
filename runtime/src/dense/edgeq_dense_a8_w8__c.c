/* Fully connected layer of any shape.
 *
 * Output by output; weights [o][i]. Small rather than fast: the inner loop has two loads, multiply, add, count and
 * branch per MAC: 7, 5 and 7 instructions on Cortex-M0+, M3 and RV32IMC.
 */
#define EDGEQ_KERNEL edgeq_dense_a8_w8__c
#define EDGEQ_INPUT int8_t
#define EDGEQ_OUTPUT int8_t

#include "any_width.h"
