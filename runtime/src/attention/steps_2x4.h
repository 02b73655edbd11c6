/* Inner loops of attention for cores with registers enough: two queries with four keys, then two queries' probabilities
 * with four columns at a time.
 *
 * Cost: per depth 6 loads, 8 multiplications and 8 additions for 8 MACs, and as much per key and four columns; about 20
 * for every probability. Four of depth, and two keys, share a loop's end. The multiplications and additions limit it.
 */
#include "edgeq/edgeq_compiler.h"

#include "pairs.h"

/* Two queries or probabilities with four values: eight sums. The values are loaded one by one, when they are used: with
 * all at once, compilers run out of registers. */
#define ADD(a, b, w, x, y, z) \
  do {                        \
    int32_t other = w;        \
    a0 += (a) * other;        \
    b0 += (b) * other;        \
    EDGEQ_FENCE_2(a0, b0);    \
    other = x;                \
    a1 += (a) * other;        \
    b1 += (b) * other;        \
    EDGEQ_FENCE_2(a1, b1);    \
    other = y;                \
    a2 += (a) * other;        \
    b2 += (b) * other;        \
    EDGEQ_FENCE_2(a2, b2);    \
    other = z;                \
    a3 += (a) * other;        \
    b3 += (b) * other;        \
    EDGEQ_FENCE_2(a3, b3);    \
  } while (0)

/* One of depth: two queries, four keys. */
#define SCORE(e)                                   \
  do {                                             \
    const int32_t a = q0[e], b = q1[e];            \
    ADD(a, b, key0[e], key1[e], key2[e], key3[e]); \
    EDGEQ_FENCE_2(q0, q1);                         \
    EDGEQ_FENCE_2(key0, key1);                     \
    EDGEQ_FENCE_2(key2, key3);                     \
  } while (0)

/* One key: two probabilities, four columns. */
#define MIX(j)                                     \
  do {                                             \
    const int32_t a = p0[j], b = p1[j];            \
    ADD(a, b, from[0], from[1], from[2], from[3]); \
    from += token;                                 \
    EDGEQ_FENCE_2(p0, p1);                         \
    EDGEQ_FENCE(from);                             \
  } while (0)

static inline void edgeq_attention_scores_2x4(const edgeq_attention_t *layer, const void *wide, const int8_t *k,
                                              int32_t count, int32_t *const scores[2]) {
  const int32_t token = layer->k_token;
  const int32_t depth = layer->depth;
  int32_t *to0 = scores[0];
  int32_t *to1 = scores[1];
  for (; count >= 4; count -= 4, k += 4 * token, to0 += 4, to1 += 4) {
    const int16_t *q0 = (const int16_t *)wide, *q1 = q0 + depth;
    const int8_t *key0 = k, *key1 = key0 + token, *key2 = key1 + token, *key3 = key2 + token;
    int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
    int32_t e = depth;
    for (; e >= 4; e -= 4, q0 += 4, q1 += 4, key0 += 4, key1 += 4, key2 += 4, key3 += 4) {
      SCORE(0);
      SCORE(1);
      SCORE(2);
      SCORE(3);
    }
    for (; e > 0; e--, q0++, q1++, key0++, key1++, key2++, key3++) {
      SCORE(0);
    }
    to0[0] = a0, to0[1] = a1, to0[2] = a2, to0[3] = a3;
    to1[0] = b0, to1[1] = b1, to1[2] = b2, to1[3] = b3;
  }
  for (; count > 0; count--, k += token) {
    const int16_t *const q0 = (const int16_t *)wide, *const q1 = q0 + depth;
    int32_t a = 0, b = 0;
    for (int32_t e = 0; e < depth; e++) {
      a += q0[e] * k[e];
      b += q1[e] * k[e];
    }
    *to0++ = a;
    *to1++ = b;
  }
}

static inline void edgeq_attention_mix_2x4(const edgeq_attention_t *layer, const int32_t *const p[2], const int8_t *v,
                                           int32_t count, int32_t *const sums[2]) {
  const int32_t token = layer->v_token;
  int32_t c = 0;
  for (; c <= layer->columns - 4; c += 4) {
    int32_t *const to0 = sums[0] + c, *const to1 = sums[1] + c;
    int32_t a0 = to0[0], a1 = to0[1], a2 = to0[2], a3 = to0[3];
    int32_t b0 = to1[0], b1 = to1[1], b2 = to1[2], b3 = to1[3];
    const int32_t *p0 = p[0], *p1 = p[1], *const end = p0 + (count & ~1);
    const int8_t *from = v + c;
    for (; p0 != end; p0 += 2, p1 += 2) {
      MIX(0);
      MIX(1);
    }
    if (count & 1) {
      MIX(0);
    }
    to0[0] = a0, to0[1] = a1, to0[2] = a2, to0[3] = a3;
    to1[0] = b0, to1[1] = b1, to1[2] = b2, to1[3] = b3;
  }
  for (; c < layer->columns; c++) {
    const int8_t *from = v + c;
    int32_t a = sums[0][c], b = sums[1][c];
    for (int32_t j = 0; j < count; j++, from += token) {
      a += p[0][j] * *from;
      b += p[1][j] * *from;
    }
    sums[0][c] = a;
    sums[1][c] = b;
  }
}

static const edgeq_attention_steps_t edgeq_attention_2x4 = {edgeq_attention_widen, edgeq_attention_scores_2x4,
                                                            edgeq_attention_weigh, edgeq_attention_mix_2x4};
