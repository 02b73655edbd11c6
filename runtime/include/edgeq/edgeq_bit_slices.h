/* Sums of small weights for 32 output channels at a time, without multiplying: bit-slices.
 *
 * A plane is a word that holds one bit of 32 channels, channel c at bit c. Numbers of 32 channels are planes, the least
 * significant first, in two's complement. What an input adds to them depends on its value alone, so a kernel lists the
 * inputs of each value once per row or window (edgeq_slice_lists.h), and the inner loop below only adds up the planes
 * of weights that a list names, 16 at a time, in carry-save adders: inputs of 0 cost nothing.
 *
 * Weights are [block][plane][inputs + 1]: for each block of 32 output channels and each bit of the weights one word per
 * input, and one word of 0 at the end, which fills lists up. The last block, when it has 16 channels or fewer, is made
 * of 16-bit units. The table starts on a word.
 *
 * 16 entries of a list take 32 loads, 71 operations in adders and about 30 for carries, loops and spilled registers: 8
 * to 9 instructions per entry and 32 channels, on Cortex-M0+ 12. Whole layers, dense 256 -> 256 and 3x3 64 -> 64 on 8x8
 * with padding, random values, instructions per MAC with zig: a1 x w1 RV32IMC 0.22 and 0.29, Cortex-M4 0.20 and 0.27,
 * Cortex-M0+ 0.28 and 0.36; a2 x wp2 RV32IMC 0.72 and 0.77, au2 x wp2 0.89 and 0.92. Adders and loads are the limit;
 * for layers of few inputs or outputs it is what a row and a block cost besides, some hundred instructions each.
 *
 * Adders: Demenkov, Kojevnikov and Kulikov, "New upper bounds on the Boolean circuit complexity of symmetric
 * functions" (2010). A pair of carries is handed on as (x, x ^ y): two full adders take 8 operations instead of 10.
 * Harley and Seal's tree of them as in Warren, "Hacker's Delight". */
#ifndef EDGEQ_BIT_SLICES_H
#define EDGEQ_BIT_SLICES_H

#include <stdint.h>

#include "edgeq/edgeq_compiler.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Channels of a block, entries that the inner loop takes at a time, and planes that an array of them must have. */
enum { EDGEQ_SLICE_CHANNELS = 32, EDGEQ_SLICE_STEP = 16, EDGEQ_SLICE_PLANES = 24 };

/* sum += x1 + y1 + x2 + y2; `carry` and `pair` are the first of the two carries, and both under exclusive or. */
#define EDGEQ_SLICE_ADD_4(sum, x1, y1, x2, y2, carry, pair)               \
  do {                                                                    \
    const uint32_t first_y = (y1), first_h = first_y ^ (sum);             \
    const uint32_t first_g = (x1) ^ (sum), first_any = first_g | first_h; \
    const uint32_t middle = first_g ^ first_y;                            \
    const uint32_t second_y = (y2), second_g = (x2) ^ middle;             \
    (carry) = first_any ^ middle;                                         \
    (sum) = second_g ^ second_y;                                          \
    (pair) = first_any ^ (second_g & (second_y ^ middle));                \
    EDGEQ_FENCE(pair);                                                    \
  } while (0)

/* The same for two pairs (x, p = x ^ y). */
#define EDGEQ_SLICE_ADD_PAIRS(sum, x1, p1, x2, p2, carry, pair)   \
  do {                                                            \
    const uint32_t first_any = (p1) | ((x1) ^ (sum));             \
    const uint32_t middle = (sum) ^ (p1), second = (x2) ^ middle; \
    (carry) = first_any ^ middle;                                 \
    (sum) = middle ^ (p2);                                        \
    (pair) = first_any ^ (second & ~(p2));                        \
    EDGEQ_FENCE(pair);                                            \
  } while (0)

/* Adds x and y to *sum; returns the carry. */
static inline uint32_t edgeq_slice_add(uint32_t *sum, uint32_t x, uint32_t y) {
  const uint32_t pair = x ^ y, any = pair | (x ^ *sum);
  *sum ^= pair;
  return any ^ *sum;
}

/* Unit i of the list; list entries are offsets of words. */
#define EDGEQ_SLICE_WORD(i) \
  (unit == 4 ? *(const uint32_t *)(weights + list[i]) : *(const edgeq_lane_t *)(weights + (list[i] >> 1)))

/* Adds the units of `weights` on the list up to `end`, whose number is a positive multiple of 16, to the first `levels`
 * planes, modulo 2^levels; planes up to 5 are written in any case. */
static inline EDGEQ_INLINE void edgeq_slice_count(uint32_t *planes, int32_t levels, const uint8_t *weights,
                                                  int32_t unit, const uint16_t *list, const uint16_t *end) {
  uint32_t ones = planes[0], twos = planes[1], fours = planes[2], eights = planes[3];
  do {
    uint32_t sixteens[4], *to = sixteens;
    do {
      uint32_t x1, p1, x2, p2, x3, p3;
      EDGEQ_SLICE_ADD_4(ones, EDGEQ_SLICE_WORD(1), EDGEQ_SLICE_WORD(0), EDGEQ_SLICE_WORD(3), EDGEQ_SLICE_WORD(2), x1,
                        p1);
      EDGEQ_SLICE_ADD_4(ones, EDGEQ_SLICE_WORD(5), EDGEQ_SLICE_WORD(4), EDGEQ_SLICE_WORD(7), EDGEQ_SLICE_WORD(6), x2,
                        p2);
      EDGEQ_SLICE_ADD_PAIRS(twos, x1, p1, x2, p2, x3, p3);
      EDGEQ_SLICE_ADD_4(ones, EDGEQ_SLICE_WORD(9), EDGEQ_SLICE_WORD(8), EDGEQ_SLICE_WORD(11), EDGEQ_SLICE_WORD(10), x1,
                        p1);
      EDGEQ_SLICE_ADD_4(ones, EDGEQ_SLICE_WORD(13), EDGEQ_SLICE_WORD(12), EDGEQ_SLICE_WORD(15), EDGEQ_SLICE_WORD(14),
                        x2, p2);
      EDGEQ_SLICE_ADD_PAIRS(twos, x1, p1, x2, p2, x1, p1);
      EDGEQ_SLICE_ADD_PAIRS(fours, x3, p3, x1, p1, x2, p2);
      p1 = p2 | (x2 ^ eights);
      eights ^= p2;
      *to++ = p1 ^ eights;
      list += EDGEQ_SLICE_STEP;
    } while (list != end && to != sixteens + 4);
    EDGEQ_ROLLED
    while (to != sixteens + 4)
      *to++ = 0;
    uint32_t carry = edgeq_slice_add(planes + 4, sixteens[0], sixteens[1]);
    carry = edgeq_slice_add(planes + 5, carry, edgeq_slice_add(planes + 4, sixteens[2], sixteens[3]));
    EDGEQ_ROLLED
    for (int32_t level = 6; level < levels; level++) {
      const uint32_t plane = planes[level];
      planes[level] = plane ^ carry;
      carry &= plane;
    }
  } while (list != end);
  planes[0] = ones;
  planes[1] = twos;
  planes[2] = fours;
  planes[3] = eights;
}

/* The two kinds of units. */
static EDGEQ_NOINLINE void edgeq_slice_count_words(uint32_t *planes, int32_t levels, const uint8_t *weights,
                                                   const uint16_t *list, const uint16_t *end) {
  edgeq_slice_count(planes, levels, weights, 4, list, end);
}

static EDGEQ_NOINLINE void edgeq_slice_count_halves(uint32_t *planes, int32_t levels, const uint8_t *weights,
                                                    const uint16_t *list, const uint16_t *end) {
  edgeq_slice_count(planes, levels, weights, 2, list, end);
}

/* Sets 32 channels to one number. */
static inline void edgeq_slice_fill(uint32_t *planes, int32_t levels, int32_t value) {
  EDGEQ_ROLLED
  for (int32_t level = 0; level < levels; level++) {
    planes[level] = 0U - ((uint32_t)value & 1U);
    value >>= 1;
  }
}

/* Adds one number to 32 channels. */
static inline void edgeq_slice_add_number(uint32_t *planes, int32_t levels, int32_t number) {
  uint32_t carry = 0;
  if (number == 0)
    return;
  EDGEQ_ROLLED
  for (int32_t level = 0; level < levels; level++) {
    const uint32_t bit = 0U - ((uint32_t)number & 1U), plane = planes[level];
    planes[level] = plane ^ bit ^ carry;
    carry = (plane & bit) | (carry & (plane | bit));
    number >>= 1;
  }
}

/* x -> -1 - x. */
static inline void edgeq_slice_complement(uint32_t *planes, int32_t levels) {
  EDGEQ_ROLLED
  for (int32_t level = 0; level < levels; level++)
    planes[level] = ~planes[level];
}

/* The channels in which planes + offset is negative. */
static inline uint32_t edgeq_slice_negative(const uint32_t *planes, int32_t levels, const uint32_t *offset) {
  uint32_t carry = 0, sum;
  EDGEQ_ROLLED
  for (;;) {
    const uint32_t x = *planes++, y = *offset++;
    sum = x ^ y;
    if (--levels == 0)
      break;
    carry = ((carry ^ y) & sum) ^ y;
  }
  return sum ^ carry;
}

/* The numbers of all channels, up to 24 levels. */
static inline void edgeq_slice_numbers(const uint32_t *planes, int32_t levels, int32_t numbers[EDGEQ_SLICE_CHANNELS]) {
  const int32_t unused = 32 - levels;
  EDGEQ_ROLLED
  for (int32_t lane = 0; lane < 8; lane++) {
    uint32_t bytes[3] = {0, 0, 0}; /* of the channels lane, lane + 8, lane + 16, lane + 24 */
    EDGEQ_ROLLED
    for (int32_t level = 0; level < levels; level++)
      bytes[level >> 3] |= ((planes[level] >> lane) & 0x01010101U) << (level & 7);
    for (int32_t i = lane; i < EDGEQ_SLICE_CHANNELS; i += 8) {
      const uint32_t number = (bytes[0] & 0xFFU) | (bytes[1] & 0xFFU) << 8 | (bytes[2] & 0xFFU) << 16;
      numbers[i] = (int32_t)(number << unused) >> unused;
      bytes[0] >>= 8;
      bytes[1] >>= 8;
      bytes[2] >>= 8;
    }
  }
}

#ifdef __cplusplus
}
#endif

#endif
