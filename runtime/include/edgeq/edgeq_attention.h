/* Attention: softmax between two products, without a matrix of scores.
 *
 *   s[j] = sum over e of (q[e] - q_zero_point) * k[j][e]          for the keys j that the row sees
 *   t[j] = floor((max(s) - s[j]) * 2^left * factor / 2^32)
 *   p[j] = ((exponentials[t[j] % 256] >> (t[j] / 256)) + 1) >> 1, 0 where max(s) - s[j] >= limit
 *   y[c] = clamp(requantize((sum of p[j] * v[j][c] - v_zero_point * S) / S) + output_zero_point),  S = sum of p[j]
 *
 * for every batch b, head h and query t. The row q begins at q_start + b * q_batch + h * q_head + t * q_token of its
 * input, the row of key j at k_start + b * k_batch + (h / group) * k_head + j * k_token of its, v alike; y begins at
 * b * y_batch + h * y_head + t * y_token. The three inputs may be one. Maximum and sums are those of integers: no
 * result depends on the tile. Inputs and output must not overlap. edgeq/ops/attention.py is the twin in Python.
 */
#ifndef EDGEQ_ATTENTION_H
#define EDGEQ_ATTENTION_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. Counts are > 0, steps in elements. */
typedef struct {
  int32_t batches;
  int32_t heads; /* of queries; a multiple of group */
  int32_t queries;
  int32_t keys;
  int32_t depth;   /* elements of a row of q and k */
  int32_t columns; /* elements of a row of v and y */
  int32_t group;   /* heads that share keys and values */
  int32_t q_start;
  int32_t q_batch;
  int32_t q_head;
  int32_t q_token;
  int32_t k_start;
  int32_t k_batch;
  int32_t k_head;
  int32_t k_token;
  int32_t v_start;
  int32_t v_batch;
  int32_t v_head;
  int32_t v_token;
  int32_t y_batch;
  int32_t y_head;
  int32_t y_token;
  int32_t visible;      /* keys that the first query sees, [1, keys] */
  int32_t visible_step; /* more of them for every further query: 1 (causal) or 0 */
  int32_t tile;         /* keys whose scores are kept at a time, [1, keys] */
  int32_t q_zero_point;
  int32_t v_zero_point;
  int32_t left;   /* [0, 21] */
  int32_t factor; /* [0, 2^31) */
  int32_t limit;  /* limit * 2^left < 2^31 */
  /* exponentials[f] is exponentials[0] * 2^(-f / 256) for 0 <= f < 256, so small that all sums fit 32 bits. Constant,
   * owned by the caller. */
  const uint16_t *exponentials;
  int32_t multiplier; /* [2^30, 2^31) or 0: scale of v / scale of y */
  int32_t shift;      /* less than log2(exponentials[0]) */
  int32_t output_zero_point;
} edgeq_attention_t;

/* Any shape. Scratch, aligned to 4 bytes: two rows of `tile` and of `columns` (a multiple of 4) int32, and of `depth`
 * int16. */
void edgeq_attention_a8__c(const edgeq_attention_t *layer, const int8_t *q, const int8_t *k, const int8_t *v,
                           int8_t *output, void *scratch);

/* Any shape; all exponentials are powers of two, so that values are shifted. Scratch likewise. */
void edgeq_attention_a8_log2__c(const edgeq_attention_t *layer, const int8_t *q, const int8_t *k, const int8_t *v,
                                int8_t *output, void *scratch);

/* Any shape; two queries with four keys, or eight columns, at a time. Scratch likewise. */
void edgeq_attention_a8_2x4__c(const edgeq_attention_t *layer, const int8_t *q, const int8_t *k, const int8_t *v,
                               int8_t *output, void *scratch);

/* Any shape. Reads up to 3 bytes past the end of k and v. Scratch likewise, `depth` filled up to a multiple of 4. */
void edgeq_attention_a8__dsp(const edgeq_attention_t *layer, const int8_t *q, const int8_t *k, const int8_t *v,
                             int8_t *output, void *scratch);

/* Any shape. Scratch likewise, and instead of int16 the queries' bytes, `depth` filled up to a multiple of 16. */
void edgeq_attention_a8__mve(const edgeq_attention_t *layer, const int8_t *q, const int8_t *k, const int8_t *v,
                             int8_t *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
