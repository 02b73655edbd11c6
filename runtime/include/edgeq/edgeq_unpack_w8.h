/* Format w8 (and a8): one byte per element, two's complement.
 *
 * The reference that every kernel of the format must agree with; the bytes are stated in docs/spec.md.
 */
#ifndef EDGEQ_UNPACK_W8_H
#define EDGEQ_UNPACK_W8_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Element i of a row: -128..127. */
static inline int32_t edgeq_unpack_w8(const uint8_t *row, uint32_t i) {
  return (int32_t)(row[i] ^ 0x80U) - 128;
}

#ifdef __cplusplus
}
#endif

#endif
