/* Formats au1, au2, au4, au8: unsigned elements in fields beside each other, the first in the lowest bits.
 *
 * The reference that every kernel of the format must agree with; the bytes are stated in docs/spec.md.
 */
#ifndef EDGEQ_UNPACK_AU_H
#define EDGEQ_UNPACK_AU_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Element i of a row: 0..2^bits - 1. bits: 1, 2, 4 or 8. */
static inline int32_t edgeq_unpack_au(const uint8_t *row, uint32_t bits, uint32_t i) {
  const uint32_t per_byte = 8 / bits;
  return (int32_t)(((uint32_t)row[i / per_byte] >> (i % per_byte * bits)) & ((1U << bits) - 1U));
}

#ifdef __cplusplus
}
#endif

#endif
