/* Formats wp1..wp8: two's complement as bit-planes, the lowest first, ceil(count / 8) bytes each.
 *
 * The reference that every kernel of the format must agree with; the bytes are stated in docs/spec.md.
 */
#ifndef EDGEQ_UNPACK_WP_H
#define EDGEQ_UNPACK_WP_H

#include <stdint.h>

#include "edgeq/edgeq_unpack_ap.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Element i of a row of `count` elements: -2^(bits - 1)..2^(bits - 1) - 1. bits: 1..8. */
static inline int32_t edgeq_unpack_wp(const uint8_t *row, uint32_t bits, uint32_t count, uint32_t i) {
  const uint32_t sign = 1U << (bits - 1);
  return (int32_t)((uint32_t)edgeq_unpack_ap(row, bits, count, i) ^ sign) - (int32_t)sign;
}

#ifdef __cplusplus
}
#endif

#endif
