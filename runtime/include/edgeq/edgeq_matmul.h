/* Products of two computed matrices, as attention has them.
 *
 *     output[p][m][n] = clamp(requantize(sum over k of (a[p][m][k] - a_zero_point) * (b - b_zero_point)) + zero point)
 *
 * where b's element of product p, depth k and column n lies at p * b_batch + k * b_depth + n * b_column. Sums fit 32
 * bits (proved by the converter). No scratch; inputs and output must not overlap.
 */
#ifndef EDGEQ_MATMUL_H
#define EDGEQ_MATMUL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. Counts are > 0, steps in elements. */
typedef struct {
  int32_t batches; /* products */
  int32_t rows;
  int32_t depth;
  int32_t columns;
  int32_t a_zero_point;
  int32_t b_zero_point;
  int32_t b_batch; /* 0: one b serves all products */
  int32_t b_depth;
  int32_t b_column;
  int32_t multiplier; /* [2^30, 2^31) or 0 */
  int32_t shift;      /* [-31, 30] */
  int32_t output_zero_point;
} edgeq_matmul_t;

/* Any shape. */
void edgeq_matmul_a8__c(const edgeq_matmul_t *layer, const int8_t *a, const int8_t *b, int8_t *output, void *scratch);

/* The first factor, the output or both in int16, whose zero point is 0; any shape. */
void edgeq_matmul_a8_to16__c(const edgeq_matmul_t *layer, const int8_t *a, const int8_t *b, int16_t *output,
                             void *scratch);
void edgeq_matmul_a16_to8__c(const edgeq_matmul_t *layer, const int16_t *a, const int8_t *b, int8_t *output,
                             void *scratch);
void edgeq_matmul_a16_to16__c(const edgeq_matmul_t *layer, const int16_t *a, const int8_t *b, int16_t *output,
                              void *scratch);

#ifdef __cplusplus
}
#endif

#endif
