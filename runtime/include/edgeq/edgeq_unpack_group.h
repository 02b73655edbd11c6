/* Groups: rows cut into groups of `size` elements, each with its own factor, in any format of weights.
 *
 *   row = plane 0: group 0, group 1, ...; plane 1 (trit-planes only): group 0, ...; then the factors
 *
 * A group is packed as a row of its own and starts on a byte; the last one may be shorter. Factors are ordered by
 * group, and within a group by plane. An element's value is the sum over planes of factor * element of the plane.
 * The reference that every kernel of the format must agree with; the bytes are stated in docs/spec.md.
 */
#ifndef EDGEQ_UNPACK_GROUP_H
#define EDGEQ_UNPACK_GROUP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Elements of group g in a row of `count` elements. g < ceil(count / size). */
static inline uint32_t edgeq_unpack_group_length(uint32_t count, uint32_t size, uint32_t g) {
  const uint32_t rest = count - g * size;
  return rest < size ? rest : size;
}

/* Factor of one byte: 0..255. */
static inline int32_t edgeq_unpack_group_q8(const uint8_t *factors, uint32_t index) {
  return factors[index];
}

/* Factor of five bytes, multiplier * 2^(shift - 31): multiplier is 0 or in [2^30, 2^31), shift in [-31, 1]. The
 * multiplier comes first, lowest byte first. */
static inline void edgeq_unpack_group_q31(const uint8_t *factors, uint32_t index, int32_t *multiplier, int32_t *shift) {
  const uint8_t *const factor = factors + 5 * index;
  *multiplier =
      (int32_t)((uint32_t)factor[0] | (uint32_t)factor[1] << 8 | (uint32_t)factor[2] << 16 | (uint32_t)factor[3] << 24);
  *shift = (int32_t)(factor[4] ^ 0x80U) - 128;
}

#ifdef __cplusplus
}
#endif

#endif
