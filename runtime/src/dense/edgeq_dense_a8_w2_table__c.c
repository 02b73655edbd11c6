/* Fully connected layer, 2-bit weights, by tables of the sums of 4 inputs.
 *
 * Measured, inner loop / whole 256 -> 256 layer: RV32IMC 1.34 / 1.93 (gcc), 1.95 (clang) instructions per MAC,
 * Cortex-M3 0.87 / 1.39, 1.33, Cortex-M0+ 1.43 / 2.29, 2.08. The limit is five instructions for the entry of a byte
 * (three on M3); filling the tables, about 480 instructions per byte, is a quarter with 256 outputs and most of it
 * below 90.
 */
#include <stdint.h>

#include "edgeq/edgeq_digit_sums.h"

#define EDGEQ_KERNEL edgeq_dense_a8_w2_table__c
#define EDGEQ_TABLE_INPUTS 4
#define EDGEQ_TABLE_LOW 16
#define EDGEQ_TABLE_HIGH 16
#define EDGEQ_TABLE_PART 8
#define EDGEQ_TABLE_ROWS 4
#define EDGEQ_TABLE_PUT_EVEN(code, sums) low[2 * (code)] = (sums)
#define EDGEQ_TABLE_PUT_ODD(code, sums) low[2 * (code) + 1] = (sums)
#define EDGEQ_TABLE_PUT_HIGH(word, sums) high[word] = (sums)

/* Two fields each in the low and in the high part; words hold the codes 0, 1 or 2, 3 of the first. Entries are
 * 4 * 2 * 128 too high. */
static inline void edgeq_table_sums(uint32_t *low, uint32_t *high, const int8_t *x) {
  const uint32_t pair = 0x10001U, a = (uint32_t)x[0];
  const uint32_t b = (uint32_t)x[1] * pair, c = (uint32_t)x[2] * pair, d = (uint32_t)x[3] * pair;
  EDGEQ_SUMS_W2_4(EDGEQ_TABLE_PUT_EVEN, 0, 1024U * pair + (a << 16), b);
  EDGEQ_SUMS_W2_4(EDGEQ_TABLE_PUT_ODD, 0, 1024U * pair - 2U * a - (a << 16), b);
  EDGEQ_SUMS_W2_16(EDGEQ_TABLE_PUT_HIGH, 0, 0U, c, d);
}

#include "byte_tables.h"
