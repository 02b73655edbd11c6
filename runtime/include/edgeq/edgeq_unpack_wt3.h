/* Format wt3: ternary, three elements per 5-bit index; index = (e0 + 1) + 3 * (e1 + 1) + 9 * (e2 + 1).
 *
 * Indices follow each other as one stream of bits, lowest first: eight of them in five bytes.
 * The reference that every kernel of the format must agree with; the bytes are stated in docs/spec.md.
 * Indices above 26 are not legal; the converter never writes them.
 */
#ifndef EDGEQ_UNPACK_WT3_H
#define EDGEQ_UNPACK_WT3_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Index of group g, 0..26: where the sum of its three products is in a table. */
static inline uint32_t edgeq_unpack_wt3_index(const uint8_t *row, uint32_t g) {
  const uint32_t bit = g * 5;
  const uint32_t shift = bit % 8;
  uint32_t bits = row[bit / 8];
  /* The next byte belongs to the row only when the index reaches into it. */
  if (shift > 3) {
    bits |= (uint32_t)row[bit / 8 + 1] << 8;
  }
  return (bits >> shift) & 31U;
}

/* Element i of a row: -1, 0 or +1. */
static inline int32_t edgeq_unpack_wt3(const uint8_t *row, uint32_t i) {
  uint32_t digits = edgeq_unpack_wt3_index(row, i / 3);
  for (uint32_t k = i % 3; k > 0; k--) {
    digits /= 3;
  }
  return (int32_t)(digits % 3) - 1;
}

#ifdef __cplusplus
}
#endif

#endif
