/* Products of two computed matrices, four columns at a time.
 *
 * Cost: per depth and four columns one difference of a and four loads, multiplications and additions: about 5
 * instructions per MAC where b lies by rows, 6 where it lies by columns; the loads of b limit it. b's zero point is
 * taken off the finished sums by the sum of a's row. */
#define EDGEQ_KERNEL edgeq_matmul_a8__c
#define EDGEQ_INPUT int8_t
#define EDGEQ_OUTPUT int8_t
#define EDGEQ_LOWEST INT8_MIN
#define EDGEQ_HIGHEST INT8_MAX

#include "any_width.h"
