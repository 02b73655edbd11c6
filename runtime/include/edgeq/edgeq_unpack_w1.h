/* Format w1 (and a1): eight elements per byte, the first in the lowest bit; 0 is +1, 1 is -1.
 *
 * The reference that every kernel of the format must agree with; the bytes are stated in docs/spec.md.
 *
 * There is no 0, so a kernel must take the true length n of a row: sum(a * w) = n - 2 * popcount(a ^ w), where the
 * padding, clear bits in both, is counted by neither term.
 */
#ifndef EDGEQ_UNPACK_W1_H
#define EDGEQ_UNPACK_W1_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Element i of a row: +1 or -1. */
static inline int32_t edgeq_unpack_w1(const uint8_t *row, uint32_t i) {
  return 1 - 2 * ((row[i / 8] >> (i % 8)) & 1);
}

#ifdef __cplusplus
}
#endif

#endif
