/* Fully connected layer, ternary weights, by tables of the sums of 5 inputs.
 *
 * Measured, inner loop / whole 256 -> 256 layer: RV32IMC 1.07 / 1.55 (clang), 1.59 (gcc) instructions per MAC,
 * Cortex-M3 0.70 / 1.10, 1.20, Cortex-M0+ 1.14 / 1.80, 1.94. The limit is five instructions for the entry of a byte
 * (three on M3); filling the tables, about 440 instructions per byte, is a quarter with 256 outputs and most of it
 * below 80.
 */
#include <stdint.h>

#include "edgeq/edgeq_digit_sums.h"

#define EDGEQ_KERNEL edgeq_dense_a8_wt5_table__c
#define EDGEQ_TABLE_INPUTS 5
#define EDGEQ_TABLE_LOW 28
#define EDGEQ_TABLE_HIGH 9
#define EDGEQ_TABLE_PART 7
#define EDGEQ_TABLE_ROWS 3
#define EDGEQ_TABLE_PUT_LOW(word, sums) low[word] = (sums)
#define EDGEQ_TABLE_PUT_HIGH(word, sums) high[word] = (sums)

/* The low part has three weights: words of -1 and +1 for the first one; where that is 0, for the second; where both
 * are 0, for the third; no weight at all. The high part has two. Entries are 5 * 128 too high. */
static inline void edgeq_table_sums(uint32_t *low, uint32_t *high, const int8_t *x) {
  const uint32_t a = (uint32_t)x[0], b = (uint32_t)x[1], c = (uint32_t)x[2];
  const uint32_t bb = b * 0x10001U, cc = c * 0x10001U, dd = (uint32_t)x[3] * 0x10001U, ee = (uint32_t)x[4] * 0x10001U;
  const uint32_t none = 640U * 0x10001U;
  EDGEQ_SUMS_WT_9(EDGEQ_TABLE_PUT_LOW, 0, none - a + (a << 16), bb, cc);
  EDGEQ_SUMS_WT_3(EDGEQ_TABLE_PUT_LOW, 9, none - b + (b << 16), cc);
  low[12] = none - c + (c << 16);
  low[13] = none;
  EDGEQ_SUMS_WT_9(EDGEQ_TABLE_PUT_HIGH, 0, 0U, dd, ee);
}

#include "byte_tables.h"
