/* Inner loops over weights in groups: the sums of two rows at once, in the 16-bit lanes of one 32-bit word.
 *
 * A word holds 16 / bits taps of two lanes, tap j of the first in bits [bits * j, bits * (j + 1)), of the second 16
 * bits above. Fields are unsigned, weight = step * field - bias, and masked they multiply one activation:
 *
 *   sum of x * (word's fields) = sum of x * field0 + 2^16 * (sum of x * field1)    modulo 2^32
 *
 * What the bias adds, bias * (sum of x), is the same for all rows and is taken off all lanes once per chunk of a
 * group. The sums of a chunk lie in [-32767, 32768]: up to 32 taps of weights -8..7, 128 of -2..1. One less fits 16
 * bits, so lanes are read with 1 taken off; the converter adds the factor of each chunk to the bias of the layer
 * instead.
 */
#ifndef EDGEQ_GROUP_LANES_H
#define EDGEQ_GROUP_LANES_H

#include <stdint.h>

#include "edgeq/edgeq_compiler.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Rows at a time. */
#define EDGEQ_GROUP_LANES 4

/* 1 in both lanes of a word. */
#define EDGEQ_GROUP_BOTH 0x00010001U

/* Where the next rows begin. words: groups and their chunks, each from a word on; factors: four per group. */
typedef struct {
  const uint32_t *words;
  const uint8_t *factors;
} edgeq_group_cursor_t;

#ifdef EDGEQ_GROUP_BITS

#define EDGEQ_GROUP_TAPS (16 / EDGEQ_GROUP_BITS)
#define EDGEQ_GROUP_MASK (((1U << EDGEQ_GROUP_BITS) - 1U) * EDGEQ_GROUP_BOTH)

/* totals[i]: what to take off all lanes after chunk i of a row of `taps` activations. Groups have `group_size` taps;
 * the last one may be shorter. */
static inline void edgeq_group_totals(const int8_t *x, int32_t taps, int32_t group_size, uint32_t *totals) {
  while (taps > 0) {
    int32_t open = taps < group_size ? taps : group_size;
    taps -= open;
    while (open > 0) {
      int32_t count = open < EDGEQ_GROUP_CHUNK ? open : EDGEQ_GROUP_CHUNK;
      int32_t sum = 0;
      open -= count;
      for (; count > 0; count--) {
        sum += *x++;
      }
      *totals++ = ((uint32_t)sum * EDGEQ_GROUP_BIAS + 1U) * EDGEQ_GROUP_BOTH;
    }
  }
}

#define EDGEQ_GROUP_TAP(i)                                        \
  do {                                                            \
    const uint32_t value = (uint32_t)x[i];                        \
    sum0 += value * ((word0 >> ((i) * EDGEQ_GROUP_BITS)) & mask); \
    EDGEQ_FENCE(sum0);                                            \
    sum1 += value * ((word1 >> ((i) * EDGEQ_GROUP_BITS)) & mask); \
    EDGEQ_FENCE(sum1);                                            \
  } while (0)

/* All lanes over one chunk of `count` taps: those of the first words in the low half, of the second in the high half. A
 * call of its own, so that the loop has the registers to itself. */
static EDGEQ_NOINLINE uint64_t edgeq_group_chunk(const uint32_t *words, const int8_t *x, int32_t count) {
  const uint32_t mask = EDGEQ_GROUP_MASK;
  const int8_t *const end = x + count;
  const int8_t *const full = x + (count & ~(EDGEQ_GROUP_TAPS - 1));
  uint32_t sum0 = 0;
  uint32_t sum1 = 0;
  while (x != full) {
    const uint32_t word0 = words[0];
    const uint32_t word1 = words[1];
    words += 2;
    EDGEQ_GROUP_TAP(0);
    EDGEQ_GROUP_TAP(1);
    EDGEQ_GROUP_TAP(2);
    EDGEQ_GROUP_TAP(3);
#if EDGEQ_GROUP_BITS <= 2
    EDGEQ_GROUP_TAP(4);
    EDGEQ_GROUP_TAP(5);
    EDGEQ_GROUP_TAP(6);
    EDGEQ_GROUP_TAP(7);
#endif
#if EDGEQ_GROUP_BITS == 1
    EDGEQ_GROUP_TAP(8);
    EDGEQ_GROUP_TAP(9);
    EDGEQ_GROUP_TAP(10);
    EDGEQ_GROUP_TAP(11);
    EDGEQ_GROUP_TAP(12);
    EDGEQ_GROUP_TAP(13);
    EDGEQ_GROUP_TAP(14);
    EDGEQ_GROUP_TAP(15);
#endif
    x += EDGEQ_GROUP_TAPS;
  }
  if (x != end) {
    uint32_t word0 = words[0];
    uint32_t word1 = words[1];
    for (; x != end; x++) {
      EDGEQ_GROUP_TAP(0);
      word0 >>= EDGEQ_GROUP_BITS;
      word1 >>= EDGEQ_GROUP_BITS;
    }
  }
  return (uint64_t)sum1 << 32 | sum0;
}

#undef EDGEQ_GROUP_TAP

/* Adds both lanes of a word, less `total`, times their factors. */
static inline void edgeq_group_add(uint32_t lanes, uint32_t total, const uint8_t *factors, uint32_t *sums) {
  const uint32_t both = lanes * EDGEQ_GROUP_STEP - total;
  const int32_t low = (int16_t)(uint16_t)both;
  sums[0] += factors[0] * (uint32_t)low;
  sums[1] += factors[1] * (uint32_t)((int32_t)(both - (uint32_t)low) >> 16);
}

/* sums[i]: of row i at the cursor, each group's sum times its factor, modulo 2^32. `totals` are those of `x`. */
static inline void edgeq_group_rows(edgeq_group_cursor_t *cursor, const int8_t *x, const uint32_t *totals, int32_t taps,
                                    int32_t group_size, uint32_t sums[EDGEQ_GROUP_LANES]) {
  for (int i = 0; i < EDGEQ_GROUP_LANES; i++) {
    sums[i] = 0;
  }
  while (taps > 0) {
    int32_t open = taps < group_size ? taps : group_size;
    taps -= open;
    while (open > 0) {
      const int32_t count = open < EDGEQ_GROUP_CHUNK ? open : EDGEQ_GROUP_CHUNK;
      const uint64_t lanes = edgeq_group_chunk(cursor->words, x, count);
      edgeq_group_add((uint32_t)lanes, *totals, cursor->factors, sums);
      edgeq_group_add((uint32_t)(lanes >> 32), *totals, cursor->factors + 2, sums + 2);
      cursor->words += 2 * ((count + EDGEQ_GROUP_TAPS - 1) / EDGEQ_GROUP_TAPS);
      totals++;
      x += count;
      open -= count;
    }
    cursor->factors += EDGEQ_GROUP_LANES;
  }
}

#endif

#ifdef __cplusplus
}
#endif

#endif
