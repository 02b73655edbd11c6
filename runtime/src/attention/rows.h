/* What is done to one row of attention, tile by tile of keys; no state of its own. Scores of a tile become
 * probabilities in place. Every function may be called for any run of keys, in any order. */
#include <stdint.h>

#include "edgeq/edgeq_reciprocal.h"
#include "edgeq/edgeq_requantize.h"

enum { EDGEQ_EXPONENT_BITS = 8 };

/* How scores become probabilities: fields of the descriptor of the same names. */
typedef struct {
  const uint16_t *exponentials;
  int32_t left;
  int32_t factor;
  int32_t limit;
} edgeq_exponential_t;

/* floor(x * 2^left * factor / 2^32), x below the limit */
static inline int32_t edgeq_attention_exponent(const edgeq_exponential_t *law, int32_t x) {
  const int32_t shifted = (int32_t)((uint32_t)x << law->left);
#if EDGEQ_WIDE_MULTIPLY
  return (int32_t)(((int64_t)shifted * law->factor) >> 32);
#else
  return edgeq_high_multiply_floor(shifted, law->factor) >> 1;
#endif
}

/* The probability of one score, before it is divided by the sum of all. */
static inline int32_t edgeq_attention_probability(const edgeq_exponential_t *law, int32_t largest, int32_t score) {
  const int32_t difference = largest - score;
  if (difference >= law->limit) {
    return 0;
  }
  const int32_t t = edgeq_attention_exponent(law, difference);
  return ((law->exponentials[t & ((1 << EDGEQ_EXPONENT_BITS) - 1)] >> (t >> EDGEQ_EXPONENT_BITS)) + 1) >> 1;
}

/* The largest of `count` scores and of `largest`. */
static inline int32_t edgeq_attention_largest(const int32_t *scores, int32_t count, int32_t largest) {
  for (int32_t j = 0; j < count; j++) {
    largest = scores[j] > largest ? scores[j] : largest;
  }
  return largest;
}

/* Scores become probabilities in place; returns their sum. */
static inline int32_t edgeq_attention_probabilities(const edgeq_exponential_t *law, int32_t *scores, int32_t count,
                                                    int32_t largest) {
  const edgeq_exponential_t own = *law; /* which no store can change */
  int32_t total = 0;
  for (int32_t j = 0; j < count; j++) {
    const int32_t p = edgeq_attention_probability(&own, largest, scores[j]);
    scores[j] = p;
    total += p;
  }
  return total;
}

/* A row's result from its weighted sums and the sum of its probabilities, which is > 0. */
static inline void edgeq_attention_finish(const int32_t *sums, int32_t columns, int32_t total, int32_t v_zero_point,
                                          int32_t multiplier, int32_t shift, int32_t output_zero_point, int8_t *y) {
  const int32_t offset = v_zero_point * total;
  /* total = 2^bits * (1 + rest) */
  int32_t bits = 31;
  uint32_t normal = (uint32_t)total;
  while ((normal & 0x80000000U) == 0) {
    normal <<= 1;
    bits--;
  }
  const int32_t factor = edgeq_high_multiply(edgeq_reciprocal_of_one_plus(normal & 0x7fffffffU), multiplier);
  const int32_t right = bits - shift;
  for (int32_t c = 0; c < columns; c++) {
    const int32_t mean = right > 31 ? 0 : edgeq_round_shift_right(edgeq_high_multiply(sums[c] - offset, factor), right);
    y[c] = edgeq_output(mean, output_zero_point, INT8_MIN, INT8_MAX);
  }
}
