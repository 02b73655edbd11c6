/* Attention of any shape whose probabilities are powers of two, for cores without a multiplier: values are shifted and
 * added. Scores are products still.
 *
 * Cost: per value and two rows a load, two branches, two shifts and two additions; about 40 for every probability. */
#include "plain.h"

/* Stands for a probability of 0, which is no power of two. */
enum { NONE = -1 };

/* Probabilities as exponents. */
static void weigh(const edgeq_exponential_t *law, int32_t *const scores[2], const int32_t seen[2], int32_t count,
                  const int32_t largest[2], int32_t total[2]) {
  edgeq_attention_weigh(law, scores, seen, count, largest, total);
  for (int32_t r = 0; r < 2; r++) {
    for (int32_t j = 0; j < count; j++) {
      int32_t exponent = NONE;
      for (int32_t p = scores[r][j]; p > 0; p >>= 1) {
        exponent++;
      }
      scores[r][j] = exponent;
    }
  }
}

static void mix(const edgeq_attention_t *layer, const int32_t *const p[2], const int8_t *v, int32_t count,
                int32_t *const sums[2]) {
  for (int32_t c = 0; c < layer->columns; c++) {
    const int8_t *from = v + c;
    uint32_t sum0 = (uint32_t)sums[0][c];
    uint32_t sum1 = (uint32_t)sums[1][c];
    for (int32_t j = 0; j < count; j++) {
      const uint32_t x = (uint32_t)(int32_t)*from;
      if (p[0][j] != NONE) {
        sum0 += x << p[0][j];
      }
      if (p[1][j] != NONE) {
        sum1 += x << p[1][j];
      }
      from += layer->v_token;
    }
    sums[0][c] = (int32_t)sum0;
    sums[1][c] = (int32_t)sum1;
  }
}

void edgeq_attention_a8_log2__c(const edgeq_attention_t *layer, const int8_t *q, const int8_t *k, const int8_t *v,
                                int8_t *output, void *scratch) {
  static const edgeq_attention_steps_t steps = {edgeq_attention_widen, edgeq_attention_scores, weigh, mix};
  edgeq_attention_layer(layer, q, k, v, output, scratch, &steps);
}
