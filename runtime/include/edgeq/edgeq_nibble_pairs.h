/* Products of 8-bit values and 4-bit weights, two in one 32-bit multiplication.
 *
 * A word holds two values, X = x0 + 2^16 x1, a field of a packed word two weights, W = v1 + 2^16 v0; then
 *     X W = x0 v1 + 2^16 (x0 v0 + x1 v1)   (modulo 2^32)
 * has two products of one sum in its high half, and something in its low half that must not grow into it. Codes are
 * v + 8, so that fields need no sign. What the 8s add is the same for all weights and taken off beforehand:
 *     T = edgeq_pairs_start(sum of X) + sum of X * codes;   T >> 16 = sum of products + EDGEQ_PAIRS_OFFSET.
 * After 16 words of values (32 products), T must be read: the sum of products is in [-32512, 32768], and the low half,
 * up to 16 * 1024 large, has 2^15 added.
 *
 * A packed word has 4 fields: bits 4 k up are the code of value 2 k + 1, bits 16 + 4 k up that of value 2 k.
 */
#ifndef EDGEQ_NIBBLE_PAIRS_H
#define EDGEQ_NIBBLE_PAIRS_H

#include <stdint.h>

#define EDGEQ_PAIRS_WORDS 4 /* packed words until T must be read; 4 words of values each */
#define EDGEQ_PAIRS_TAPS 32
#define EDGEQ_PAIRS_OFFSET 32640
#define EDGEQ_PAIRS_MASK 0x000f000fU

/* What T starts from; total: the sum of all X that follow. */
static inline uint32_t edgeq_pairs_start(uint32_t total) {
  return ((uint32_t)EDGEQ_PAIRS_OFFSET << 16) + 0x8000U - total * 0x80008U;
}

#endif
