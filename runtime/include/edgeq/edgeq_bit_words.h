/* Binary inputs with binary weights, words of 32 inputs at a time: what dense and convolution kernels share.
 *
 * Inputs and weights are +1 and -1, a set bit is -1. Weights are stored inverted, so that input ^ weight has a bit set
 * where the two are equal, and their product +1; `matches` is the number of such bits and the sum 2 * matches - inputs.
 * Weights are [o / 8][word][8]: words of eight output channels beside each other, filled up with channels of zeros;
 * what fills the last word of a row is 0 and meets inputs of 0.
 *
 * Thresholds: for outputs of one bit, int16_t [out_c]: what to add to the matches so that the result is negative below
 * the threshold, -ceil((threshold - bias + inputs) / 2), limited to what tells signs apart. Otherwise `bias` and
 * `thresholds` are those of edgeq_levels.h.
 *
 * A kernel for cores that count bits in one instruction defines EDGEQ_COUNT_BITS(x) before including this file. The
 * others bring three words to two with a full adder (carry-save) and count within words: about 11 instructions a word.
 */
#ifndef EDGEQ_BIT_WORDS_H
#define EDGEQ_BIT_WORDS_H

#include <stdint.h>

#include "edgeq/edgeq_compiler.h"
#include "edgeq/edgeq_levels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Output channels beside each other in the weights. */
enum { EDGEQ_WORD_CHANNELS = 8 };

/* Words of inputs in rows, and the weights of a block of channels for them. */
typedef struct {
  const uint32_t *words;   /* the first row */
  const uint32_t *weights; /* of the first row */
  int32_t count;           /* words of a row, > 0 */
  int32_t rows;            /* > 0 */
  int32_t row_words;       /* from one row to the next */
  int32_t row_weights;
} edgeq_word_rows_t;

#if defined(EDGEQ_COUNT_BITS)

/* clang would pull the loads of both words forward until registers run out; gcc would copy what is fenced. */
#if defined(__clang__)
#define EDGEQ_WORD_FENCE(a, b) EDGEQ_FENCE_2(a, b)
#else
#define EDGEQ_WORD_FENCE(a, b) ((void)0)
#endif

#define EDGEQ_WORD_STEP(x, weights)         \
  do {                                      \
    m0 += EDGEQ_COUNT_BITS(x ^ weights[0]); \
    m1 += EDGEQ_COUNT_BITS(x ^ weights[1]); \
    m2 += EDGEQ_COUNT_BITS(x ^ weights[2]); \
    m3 += EDGEQ_COUNT_BITS(x ^ weights[3]); \
    m4 += EDGEQ_COUNT_BITS(x ^ weights[4]); \
    m5 += EDGEQ_COUNT_BITS(x ^ weights[5]); \
    m6 += EDGEQ_COUNT_BITS(x ^ weights[6]); \
    m7 += EDGEQ_COUNT_BITS(x ^ weights[7]); \
    EDGEQ_WORD_FENCE(m0, m1);               \
    EDGEQ_WORD_FENCE(m2, m3);               \
    EDGEQ_WORD_FENCE(m4, m5);               \
    EDGEQ_WORD_FENCE(m6, m7);               \
  } while (0)

/* Adds the matches with channel i of the block to matches[i]: 33 instructions for a word and 8 channels, and the
 * loop's. */
static inline void edgeq_word_matches(edgeq_word_rows_t rows, int32_t matches[EDGEQ_WORD_CHANNELS]) {
  int32_t m0 = matches[0], m1 = matches[1], m2 = matches[2], m3 = matches[3];
  int32_t m4 = matches[4], m5 = matches[5], m6 = matches[6], m7 = matches[7];
  do {
    const uint32_t *words = rows.words, *const end = words + rows.count, *weights = rows.weights;
    if (rows.count & 1) {
      const uint32_t x = *words++;
      EDGEQ_WORD_STEP(x, weights);
      weights += EDGEQ_WORD_CHANNELS;
    }
    while (words != end) {
      const uint32_t x = words[0];
      EDGEQ_WORD_STEP(x, weights);
      const uint32_t y = words[1];
      weights += 2 * EDGEQ_WORD_CHANNELS;
      words += 2;
      EDGEQ_WORD_STEP(y, (weights - EDGEQ_WORD_CHANNELS));
    }
    rows.words += rows.row_words;
    rows.weights += rows.row_weights;
  } while (--rows.rows);
  matches[0] = m0;
  matches[1] = m1;
  matches[2] = m2;
  matches[3] = m3;
  matches[4] = m4;
  matches[5] = m5;
  matches[6] = m6;
  matches[7] = m7;
}

#else

/* Set bits per byte, up to 8. */
static inline uint32_t edgeq_bits_per_byte(uint32_t x) {
  x -= (x >> 1) & 0x55555555U;
  x = (x & 0x33333333U) + ((x >> 2) & 0x33333333U);
  return (x + (x >> 4)) & 0x0F0F0F0FU;
}

/* Adds the matches with channel i of the block to matches[i]. */
static inline void edgeq_word_matches(edgeq_word_rows_t rows, int32_t matches[EDGEQ_WORD_CHANNELS]) {
  EDGEQ_ROLLED
  for (int32_t channel = 0; channel < EDGEQ_WORD_CHANNELS; channel++) {
    int32_t total = 0;
    for (int32_t row = 0; row < rows.rows; row++) {
      const uint32_t *x = rows.words + row * rows.row_words, *w = rows.weights + row * rows.row_weights + channel;
      for (int32_t left = rows.count; left > 0;) {
        uint32_t bytes = 0;
        if (left >= 3) {
          const uint32_t a = x[0] ^ w[0], b = x[1] ^ w[EDGEQ_WORD_CHANNELS], c = x[2] ^ w[2 * EDGEQ_WORD_CHANNELS];
          const uint32_t pair = a ^ b;
          bytes = edgeq_bits_per_byte((a & b) | (pair & c)) << 1;
          bytes += edgeq_bits_per_byte(pair ^ c);
          x += 3;
          w += 3 * EDGEQ_WORD_CHANNELS;
          left -= 3;
        } else {
          bytes = edgeq_bits_per_byte(*x++ ^ *w);
          w += EDGEQ_WORD_CHANNELS;
          left--;
        }
        total += (int32_t)((bytes * 0x01010101U) >> 24);
      }
    }
    matches[channel] += total;
  }
}

#endif

/* Eight outputs of one bit, or the last `channels` of a row. A distance below `limit` is below the threshold; `invert`:
 * all ones where the bit is set from the threshold on. */
static inline uint8_t edgeq_word_bits(const int32_t distance[EDGEQ_WORD_CHANNELS], int32_t limit, int32_t channels,
                                      uint32_t invert) {
  uint32_t bits = 0;
  EDGEQ_UNROLLED
  for (int32_t i = EDGEQ_WORD_CHANNELS - 1; i >= 0; i--)
    bits = 2 * bits + (distance[i] < limit);
  return (uint8_t)((bits ^ invert) & (channels < 8 ? (1U << channels) - 1U : 255U));
}

#ifdef __cplusplus
}
#endif

#endif
