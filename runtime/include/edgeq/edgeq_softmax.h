/* Softmax over rows, int8 [rows][columns] -> int8 with scale 1/256 and zero point -128.
 *
 *   output[r][c] = exp(beta * scale * input[r][c]) / sum over k of exp(beta * scale * input[r][k])
 *
 * in the fixed-point arithmetic that TFLite and gemmlowp publish: exponentials in Q0.31 from a table made at
 * conversion, their sum in Q12.19, its reciprocal by three Newton-Raphson steps. The output may overwrite the input
 * exactly. No scratch.
 */
#ifndef EDGEQ_SOFTMAX_H
#define EDGEQ_SOFTMAX_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef struct {
  int32_t rows;    /* > 0 */
  int32_t columns; /* [1, 4095], so that the sum fits */
  /* exponentials[d] is exp(-beta * scale * d) as Q0.31, for 0 <= d < table_count <= 256; beyond, it is 0. Constant,
   * owned by the caller. */
  int32_t table_count;
  const int32_t *exponentials;
} edgeq_softmax_t;

/* Any shape. */
void edgeq_softmax_a8__c(const edgeq_softmax_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* To int16 with scale 2^-15 and zero point 0; any shape. */
void edgeq_softmax_a8_to16__c(const edgeq_softmax_t *layer, const int8_t *input, int16_t *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
