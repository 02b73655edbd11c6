/* Attention with codes of a few bits for queries and keys: sums over the keys come first, so that nothing grows with
 * the square of the length.
 *
 * An element's code bit is -1 where the element is below its zero point, else +1; for kernels named a1, codes are
 * packed as the format a1 has them (bit set: -1), in rows of one token. With h(q) and h(k) the codes of a query and a
 * key, and weight(q, k) = sum over bits of h(q) h(k) + 2^weight_shift > 0,
 *
 *     numerator[e] = sum over keys of weight(q, k) (v[e] - value_zero_point),   denominator = the same of 1
 *     output[e] = clamp(((numerator[e] / denominator * multiplier + half) >> right) + output_zero_point)
 *
 * per head. Numerators and denominators are made of additions, subtractions and one shift; a reciprocal per query and
 * head and a product per output divide them. edgeq/ops/linear_attention.py is the twin in Python.
 * Input and output must not overlap.
 */
#ifndef EDGEQ_LINEAR_ATTENTION_H
#define EDGEQ_LINEAR_ATTENTION_H

#include <stdint.h>

#include "edgeq/edgeq_fill.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Keys in the sums of a stateful layer, at most; then all sums are halved. */
#define EDGEQ_LINEAR_ATTENTION_KEYS 4096

/* One layer. The converter writes it; kernels trust it. Counts are > 0. */
typedef struct {
  int32_t queries; /* tokens; as many as keys when causal */
  int32_t keys;    /* tokens, at most EDGEQ_LINEAR_ATTENTION_KEYS */
  int32_t heads;
  int32_t bits;         /* of a code, per head: [1, 31] */
  int32_t width;        /* values per head */
  int32_t weight_shift; /* 2^weight_shift > bits */
  int32_t causal;       /* 1: a query sees the keys up to its own */
  int32_t stateful;     /* 1: causal, and the sums go on from call to call; they are 0 before the first */
  int32_t query_zero_point;
  int32_t key_zero_point;
  int32_t value_zero_point;
  int32_t multiplier; /* [2^30, 2^31) */
  int32_t right;      /* [1, 30] */
  int32_t half;       /* 2^(right - 1), and a little more */
  int32_t output_zero_point;
} edgeq_linear_attention_t;

/* Any shape. scratch: int32_t[(stateful ? heads : 1) * (bits + 1) * (width + 1) + width + 1]; the sums over keys of a
 * head, row by row (one per bit, the last for 2^weight_shift; the last column counts keys), and one row of values. */
void edgeq_linear_attention_a8__c(const edgeq_linear_attention_t *layer, const int8_t *queries, const int8_t *keys,
                                  const int8_t *values, int8_t *output, void *scratch);
void edgeq_linear_attention_a1__c(const edgeq_linear_attention_t *layer, const int8_t *queries, const int8_t *keys,
                                  const int8_t *values, int8_t *output, void *scratch);

/* Not causal. scratch: int32_t[16 * ceil(bits / 4) * (width + 1)], sums by every four bits of a code. */
void edgeq_linear_attention_a8_tables__c(const edgeq_linear_attention_t *layer, const int8_t *queries,
                                         const int8_t *keys, const int8_t *values, int8_t *output, void *scratch);
void edgeq_linear_attention_a1_tables__c(const edgeq_linear_attention_t *layer, const int8_t *queries,
                                         const int8_t *keys, const int8_t *values, int8_t *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
