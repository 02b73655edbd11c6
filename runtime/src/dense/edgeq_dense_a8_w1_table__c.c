/* Fully connected layer, binary weights, by tables of the sums of 8 inputs.
 *
 * Measured, inner loop / whole 256 -> 256 layer: RV32IMC 0.67 / 1.03 (gcc), 1.05 (clang) instructions per MAC,
 * Cortex-M3 0.44 / 0.76, 0.75, Cortex-M0+ 0.71 / 1.29, 1.17. The limit is five instructions for the entry of a byte
 * (three on M3); filling the tables, about 510 instructions per byte, is a quarter with 256 outputs and most of it
 * below 90.
 */
#include <stdint.h>

#include "edgeq/edgeq_digit_sums.h"

#define EDGEQ_KERNEL edgeq_dense_a8_w1_table__c
#define EDGEQ_TABLE_INPUTS 8
#define EDGEQ_TABLE_LOW 16
#define EDGEQ_TABLE_HIGH 16
#define EDGEQ_TABLE_PART 8
#define EDGEQ_TABLE_ROWS 4
#define EDGEQ_TABLE_PUT_LOW(word, sums) low[word] = (sums)
#define EDGEQ_TABLE_PUT_HIGH(word, sums) high[word] = (sums)

/* Four bits each in the low and in the high part. Entries are 8 * 128 too high. */
static inline void edgeq_table_sums(uint32_t *low, uint32_t *high, const int8_t *x) {
  const uint32_t pair = 0x10001U, a = (uint32_t)x[0];
  const uint32_t b = (uint32_t)x[1] * pair, c = (uint32_t)x[2] * pair, d = (uint32_t)x[3] * pair;
  const uint32_t e = (uint32_t)x[4] * pair, f = (uint32_t)x[5] * pair;
  const uint32_t g = (uint32_t)x[6] * pair, h = (uint32_t)x[7] * pair;
  EDGEQ_SUMS_W1_8(EDGEQ_TABLE_PUT_LOW, 0, 1024U * pair + a - (a << 16), b, c, d);
  EDGEQ_SUMS_W1_16(EDGEQ_TABLE_PUT_HIGH, 0, 0U, e, f, g, h);
}

#include "byte_tables.h"
