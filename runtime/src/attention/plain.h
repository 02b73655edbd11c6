/* Inner loops of attention for any core: 7 instructions per score and depth for two MACs and the loop around them, 10
 * per value for two. */
#include "pairs.h"

static inline void edgeq_attention_scores(const edgeq_attention_t *layer, const void *wide, const int8_t *k,
                                          int32_t count, int32_t *const scores[2]) {
  const int16_t *const q0 = (const int16_t *)wide;
  const int16_t *const q1 = q0 + layer->depth;
  for (int32_t j = 0; j < count; j++) {
    int32_t sum0 = 0;
    int32_t sum1 = 0;
    for (int32_t e = 0; e < layer->depth; e++) {
      sum0 += q0[e] * k[e];
      sum1 += q1[e] * k[e];
    }
    scores[0][j] = sum0;
    scores[1][j] = sum1;
    k += layer->k_token;
  }
}

static inline void edgeq_attention_mix(const edgeq_attention_t *layer, const int32_t *const p[2], const int8_t *v,
                                       int32_t count, int32_t *const sums[2]) {
  for (int32_t c = 0; c < layer->columns; c++) {
    const int8_t *from = v + c;
    int32_t sum0 = sums[0][c];
    int32_t sum1 = sums[1][c];
    for (int32_t j = 0; j < count; j++) {
      sum0 += p[0][j] * *from;
      sum1 += p[1][j] * *from;
      from += layer->v_token;
    }
    sums[0][c] = sum0;
    sums[1][c] = sum1;
  }
}

static const edgeq_attention_steps_t edgeq_attention_plain = {edgeq_attention_widen, edgeq_attention_scores,
                                                              edgeq_attention_weigh, edgeq_attention_mix};
