/* Formats ap1..ap8: unsigned elements as bit-planes, the lowest first, ceil(count / 8) bytes each.
 *
 * The reference that every kernel of the format must agree with; the bytes are stated in docs/spec.md.
 */
#ifndef EDGEQ_UNPACK_AP_H
#define EDGEQ_UNPACK_AP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Element i of a row of `count` elements: 0..2^bits - 1. bits: 1..8. */
static inline int32_t edgeq_unpack_ap(const uint8_t *row, uint32_t bits, uint32_t count, uint32_t i) {
  const uint32_t plane_bytes = (count + 7) / 8;
  uint32_t code = 0;
  for (uint32_t plane = 0; plane < bits; plane++) {
    code |= (((uint32_t)row[plane * plane_bytes + i / 8] >> (i % 8)) & 1U) << plane;
  }
  return (int32_t)code;
}

#ifdef __cplusplus
}
#endif

#endif
