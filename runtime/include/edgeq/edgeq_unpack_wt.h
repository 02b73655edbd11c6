/* Format wt: ternary, a plane of bits for +1, then a plane of bits for -1, ceil(count / 8) bytes each.
 *
 * The reference that every kernel of the format must agree with; the bytes are stated in docs/spec.md.
 * Both bits set is not legal; the converter never writes it.
 */
#ifndef EDGEQ_UNPACK_WT_H
#define EDGEQ_UNPACK_WT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Element i of a row of `count` elements: -1, 0 or +1. */
static inline int32_t edgeq_unpack_wt(const uint8_t *row, uint32_t count, uint32_t i) {
  const uint8_t *const minus = row + (count + 7) / 8;
  return ((row[i / 8] >> (i % 8)) & 1) - ((minus[i / 8] >> (i % 8)) & 1);
}

#ifdef __cplusplus
}
#endif

#endif
