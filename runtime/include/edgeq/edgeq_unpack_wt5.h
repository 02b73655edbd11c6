/* Format wt5: ternary, five elements per byte as digits of base 3, the first the lowest; digit = element + 1.
 *
 * The reference that every kernel of the format must agree with; the bytes are stated in docs/spec.md.
 * Bytes above 242 are not legal; the converter never writes them.
 */
#ifndef EDGEQ_UNPACK_WT5_H
#define EDGEQ_UNPACK_WT5_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Element i of a row: -1, 0 or +1. */
static inline int32_t edgeq_unpack_wt5(const uint8_t *row, uint32_t i) {
  uint32_t digits = row[i / 5];
  for (uint32_t k = i % 5; k > 0; k--) {
    digits /= 3;
  }
  return (int32_t)(digits % 3) - 1;
}

#ifdef __cplusplus
}
#endif

#endif
