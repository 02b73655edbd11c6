/* Convolution with binary weights, by tables of the sums of 4 taps.
 *
 * Measured, inner loop / whole 3x3 64 -> 64 layer: RV32IMC 0.52 / 0.86 instructions per MAC, Cortex-M3 0.45 / 0.73
 * (clang), 0.80 (gcc), Cortex-M0+ 0.8 / 1.14, 1.27. The limit is 15 instructions for the two entries of a byte, 32
 * MACs; tables, 11 per tap and pixel, are the next.
 */
#include <stdint.h>

#include "edgeq/edgeq_digit_sums.h"

#define EDGEQ_KERNEL edgeq_conv2d_a8_w1_table__c
#define EDGEQ_TABLE_TAPS 8
#define EDGEQ_TABLE_LOW 16
#define EDGEQ_TABLE_HIGH 16
#define EDGEQ_TABLE_OFFSET 1024U /* 8 * 128 */
#define EDGEQ_TABLE_CONSTANTS ((void)0)
#define EDGEQ_TABLE_SPLIT(byte, low, high) \
  do {                                     \
    const uint32_t code = (byte);          \
    low = code << 3 & 0x78U;               \
    high = code >> 1 & 0x78U;              \
  } while (0)

#define EDGEQ_TABLE_PUT(entry, sum) table[2 * (entry)] = (sum)

static inline void edgeq_table_sums(uint32_t *table, const uint32_t *x) {
  const uint32_t a = x[0], b = x[1], c = x[2], d = x[3], e = x[4], f = x[5], g = x[6], h = x[7];
  EDGEQ_SUMS_W1_16(EDGEQ_TABLE_PUT, 0, 0x10001U * EDGEQ_TABLE_OFFSET, a, b, c, d);
  EDGEQ_SUMS_W1_16(EDGEQ_TABLE_PUT, 16, 0U, e, f, g, h);
}

#include "byte_tables.h"
