/* Format w4 (and a4): two elements per byte, the first in the low half, two's complement.
 *
 * The reference that every kernel of the format must agree with; the bytes are stated in docs/spec.md.
 */
#ifndef EDGEQ_UNPACK_W4_H
#define EDGEQ_UNPACK_W4_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Element i of a row: -8..7. */
static inline int32_t edgeq_unpack_w4(const uint8_t *row, uint32_t i) {
  const uint32_t code = ((uint32_t)row[i / 2] >> (i % 2 * 4)) & 15U;
  return (int32_t)(code ^ 8U) - 8;
}

#ifdef __cplusplus
}
#endif

#endif
