/* Attention of one token over rings in four bits, two heads with the same keys at a time.
 *
 * Cost: about 3 instructions per score and depth of each head, 4 per value that has weight; shifts are applied to sums
 * of keys and to the weights of values. */
#include "edgeq/edgeq_attention_ring_int4.h"

#include "../attention/pairs.h"
#include "../attention_ring/rings.h"

/* The integer in the low half of a byte; that in the high half is pair >> 4. */
static inline int32_t first_of(int32_t pair) {
  return (int32_t)((uint32_t)pair << 28) >> 28;
}

static void scores_int4(const edgeq_attention_t *layer, const void *wide, const int8_t *k, int32_t count,
                        int32_t *const scores[2]) {
  const int32_t pairs = layer->depth / 2;
  for (int32_t j = 0; j < count; j++, k += layer->k_token) {
    const int16_t *q0 = (const int16_t *)wide;
    const int16_t *q1 = q0 + layer->depth;
    int32_t sum0 = 0;
    int32_t sum1 = 0;
    for (int32_t e = 1; e <= pairs; e++, q0 += 2, q1 += 2) {
      const int32_t pair = k[e];
      const int32_t m0 = first_of(pair);
      const int32_t m1 = pair >> 4;
      sum0 += q0[0] * m0 + q0[1] * m1;
      sum1 += q1[0] * m0 + q1[1] * m1;
    }
    scores[0][j] = (int32_t)((uint32_t)sum0 << k[0]);
    scores[1][j] = (int32_t)((uint32_t)sum1 << k[0]);
  }
}

static void mix_int4(const edgeq_attention_t *layer, const int32_t *const p[2], const int8_t *v, int32_t count,
                     int32_t *const sums[2]) {
  const int32_t pairs = layer->columns / 2;
  for (int32_t j = 0; j < count; j++, v += layer->v_token) {
    const int32_t p0 = (int32_t)((uint32_t)p[0][j] << v[0]);
    const int32_t p1 = (int32_t)((uint32_t)p[1][j] << v[0]);
    int32_t *to0 = sums[0];
    int32_t *to1 = sums[1];
    if ((p0 | p1) == 0) {
      continue;
    }
    for (int32_t c = 1; c <= pairs; c++, to0 += 2, to1 += 2) {
      const int32_t pair = v[c];
      const int32_t m0 = first_of(pair);
      const int32_t m1 = pair >> 4;
      to0[0] += p0 * m0;
      to0[1] += p0 * m1;
      to1[0] += p1 * m0;
      to1[1] += p1 * m1;
    }
  }
}

static const edgeq_attention_steps_t steps_int4 = {edgeq_attention_widen, scores_int4, edgeq_attention_weigh, mix_int4};

void edgeq_attention_ring_int4_a8__c(const edgeq_attention_ring_int4_t *layer, const int8_t *q, const int8_t *k,
                                     const int8_t *v, const int32_t *position, int8_t *output, void *scratch) {
  const edgeq_attention_t now = edgeq_attention_now(layer, *position);
  edgeq_attention_layer(&now, q, k, v, output, scratch, &steps_int4);
}
