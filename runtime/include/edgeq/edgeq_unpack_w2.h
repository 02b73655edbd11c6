/* Format w2 (and a2): four elements per byte, the first in the lowest bits, two's complement.
 *
 * The reference that every kernel of the format must agree with; the bytes are stated in docs/spec.md.
 */
#ifndef EDGEQ_UNPACK_W2_H
#define EDGEQ_UNPACK_W2_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Element i of a row: -2..1. */
static inline int32_t edgeq_unpack_w2(const uint8_t *row, uint32_t i) {
  const uint32_t code = ((uint32_t)row[i / 4] >> (i % 4 * 2)) & 3U;
  return (int32_t)(code ^ 2U) - 2;
}

#ifdef __cplusplus
}
#endif

#endif
