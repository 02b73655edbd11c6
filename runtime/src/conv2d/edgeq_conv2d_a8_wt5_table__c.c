/* Convolution with ternary weights, by tables of the sums of 3 and 2 taps.
 *
 * Measured, inner loop / whole 3x3 64 -> 64 layer: RV32IMC 0.94 / 1.31 (clang), 1.34 (gcc) instructions per MAC,
 * Cortex-M3 0.82 / 1.13, 1.19, Cortex-M0+ 1.5 / 1.94, 2.39. The limit is 17 instructions for the two entries of a byte,
 * 20 MACs; tables, 14 per tap and pixel, are the next.
 */
#include <stdint.h>

#include "edgeq/edgeq_digit_sums.h"

#define EDGEQ_KERNEL edgeq_conv2d_a8_wt5_table__c
#define EDGEQ_TABLE_TAPS 5
#define EDGEQ_TABLE_LOW 27
#define EDGEQ_TABLE_HIGH 9
#define EDGEQ_TABLE_OFFSET 640U /* 5 * 128 */
/* high is byte / 27, exactly for bytes up to 242. In registers, or gcc makes shifts of the multiplications. */
#define EDGEQ_TABLE_CONSTANTS        \
  uint32_t over_27 = 19, by_27 = 27; \
  EDGEQ_FENCE_2(over_27, by_27)
#define EDGEQ_TABLE_SPLIT(byte, low, high) \
  do {                                     \
    const uint32_t code = (byte);          \
    high = (code * over_27 >> 6) & ~7U;    \
    low = 8U * code - high * by_27;        \
  } while (0)

#define EDGEQ_TABLE_PUT(entry, sum) table[2 * (entry)] = (sum)

static inline void edgeq_table_sums(uint32_t *table, const uint32_t *x) {
  const uint32_t a = x[0], b = x[1], c = x[2], d = x[3], e = x[4];
  EDGEQ_SUMS_WT_27(EDGEQ_TABLE_PUT, 0, 0x10001U * EDGEQ_TABLE_OFFSET, a, b, c);
  EDGEQ_SUMS_WT_9(EDGEQ_TABLE_PUT, 27, 0U, d, e);
}

#include "byte_tables.h"
