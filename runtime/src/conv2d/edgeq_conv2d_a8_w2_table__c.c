/* Convolution with 2-bit weights, by tables of the sums of 2 taps.
 *
 * Measured, inner loop / whole 3x3 64 -> 64 layer: RV32IMC 1.05 / 1.46 (clang), 1.50 (gcc) instructions per MAC,
 * Cortex-M3 0.90 / 1.25, 1.32, Cortex-M0+ 1.6 / 2.01, 2.20. The limit is 15 instructions for the two entries of a byte,
 * 16 MACs; tables, 16 per tap and pixel, are the next.
 */
#include <stdint.h>

#include "edgeq/edgeq_digit_sums.h"

#define EDGEQ_KERNEL edgeq_conv2d_a8_w2_table__c
#define EDGEQ_TABLE_TAPS 4
#define EDGEQ_TABLE_LOW 16
#define EDGEQ_TABLE_HIGH 16
#define EDGEQ_TABLE_OFFSET 1024U /* 4 * 2 * 128 */
#define EDGEQ_TABLE_CONSTANTS ((void)0)
#define EDGEQ_TABLE_SPLIT(byte, low, high) \
  do {                                     \
    const uint32_t code = (byte);          \
    low = code << 3 & 0x78U;               \
    high = code >> 1 & 0x78U;              \
  } while (0)

#define EDGEQ_TABLE_PUT(entry, sum) table[2 * (entry)] = (sum)

static inline void edgeq_table_sums(uint32_t *table, const uint32_t *x) {
  const uint32_t a = x[0], b = x[1], c = x[2], d = x[3];
  EDGEQ_SUMS_W2_16(EDGEQ_TABLE_PUT, 0, 0x10001U * EDGEQ_TABLE_OFFSET, a, b);
  EDGEQ_SUMS_W2_16(EDGEQ_TABLE_PUT, 16, 0U, c, d);
}

#include "byte_tables.h"
