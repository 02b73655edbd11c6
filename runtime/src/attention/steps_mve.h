/* Inner loops of attention for Arm cores with MVE: two queries with a key, 16 of depth at a time, then two queries'
 * probabilities with eight columns.
 *
 * Queries lie in scratch as they are, filled up with zeros; their zero point comes off a score by the key's sum.
 *
 * Cost: per key and 16 of depth 3 loads and 3 VMLADAV for 32 MACs, about 14 more for every key; per key and 8 columns 4
 * loads and 4 VMLA for 16. Probabilities are computed one by one, and limit it. */
#include "edgeq/edgeq_mve.h"

#include "pairs.h"

static inline void edgeq_attention_widen_mve(const edgeq_attention_t *layer, const edgeq_attention_row_t row[2],
                                             void *wide) {
  const int32_t filled = (layer->depth + 15) & ~15;
  int8_t *to = (int8_t *)wide;
  for (int32_t r = 0; r < 2; r++, to += filled) {
    memset(to, 0, (size_t)filled);
    memcpy(to, row[r].q, (size_t)layer->depth);
  }
}

static inline void edgeq_attention_scores_mve(const edgeq_attention_t *layer, const void *wide, const int8_t *k,
                                              int32_t count, int32_t *const scores[2]) {
  const int32_t depth = layer->depth, filled = (depth + 15) & ~15, zero = layer->q_zero_point;
  const int8_t *const q = (const int8_t *)wide;
  const int8x16_t ones = vdupq_n_s8(1);
  for (int32_t j = 0; j < count; j++, k += layer->k_token) {
    int32_t a = 0, b = 0, sum = 0;
    for (int32_t e = 0; e < filled; e += 16) {
      const int8x16_t key = vldrbq_z_s8(k + e, vctp8q((uint32_t)(depth - e)));
      a = vmladavaq_s8(a, key, vldrbq_s8(q + e));
      b = vmladavaq_s8(b, key, vldrbq_s8(q + filled + e));
      sum = vmladavaq_s8(sum, key, ones);
    }
    scores[0][j] = a - zero * sum;
    scores[1][j] = b - zero * sum;
  }
}

static inline void edgeq_attention_mix_mve(const edgeq_attention_t *layer, const int32_t *const p[2], const int8_t *v,
                                           int32_t count, int32_t *const sums[2]) {
  const int32_t token = layer->v_token;
  for (int32_t c = 0; c < layer->columns; c += 8) {
    const int32_t rest = layer->columns - c;
    const mve_pred16_t low = vctp32q((uint32_t)rest), high = rest > 4 ? vctp32q((uint32_t)rest - 4) : 0;
    const int32_t next = rest > 4 ? c + 4 : c; /* sums beyond the last column have no room */
    int32x4_t a0 = vldrwq_s32(sums[0] + c), a1 = vldrwq_s32(sums[0] + next);
    int32x4_t b0 = vldrwq_s32(sums[1] + c), b1 = vldrwq_s32(sums[1] + next);
    const int8_t *from = v + c;
    for (int32_t j = 0; j < count; j++, from += token) {
      const int32x4_t x = vldrbq_z_s32(from, low);
      const int32x4_t y = vldrbq_z_s32(from + 4, high);
      a0 = vmlaq_n_s32(a0, x, p[0][j]);
      b0 = vmlaq_n_s32(b0, x, p[1][j]);
      a1 = vmlaq_n_s32(a1, y, p[0][j]);
      b1 = vmlaq_n_s32(b1, y, p[1][j]);
    }
    vstrwq_s32(sums[0] + next, a1);
    vstrwq_s32(sums[1] + next, b1);
    vstrwq_s32(sums[0] + c, a0);
    vstrwq_s32(sums[1] + c, b0);
  }
}

static const edgeq_attention_steps_t edgeq_attention_mve = {edgeq_attention_widen_mve, edgeq_attention_scores_mve,
                                                            edgeq_attention_weigh, edgeq_attention_mix_mve};
