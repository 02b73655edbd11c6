/* Fully connected layer, int8 activations, weights in groups that have factors of their own.
 *
 *   output[r][o] = clamp(requantize(bias[o] + sum over groups g of factor[o][g] * (sum over i in g of
 *                                                                                   input[r][i] * weights[o][i])))
 *
 * wtx2g has two planes of weights -1, 0, +1 and two factors per group, whose products are added up. Input and output
 * must not overlap. scratch: aligned to 4, contents lost; 4 bytes for every chunk of a row.
 */
#ifndef EDGEQ_DENSE_GROUPED_H
#define EDGEQ_DENSE_GROUPED_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef struct {
  /* Rows of the input, its width, and the width of the output. All > 0. */
  int32_t rows;
  int32_t in_c;
  int32_t out_c;
  /* The real 0 of the input; [-128, 127]. Already folded into the bias. */
  int32_t input_zero_point;
  /* Added to the requantized accumulator, which is then limited to [clamp_min, clamp_max]; all in [-128, 127]. */
  int32_t output_zero_point;
  int32_t clamp_min;
  int32_t clamp_max;
  /* Weights per group, > 0; the last group of a row may be shorter. */
  int32_t group_size;
  /* Tables are constant, owned by the caller, never written. */
  /* Words of edgeq_group_lanes.h: [block][group][chunk][word][2]. A block: 4 outputs, the last filled up; in wtx2g the
   * planes of 2. A chunk: 32 taps in w4g, 128 in the others. */
  const uint32_t *weights;
  const uint8_t *factors;    /* [block][group][4]: 0..255 */
  const int32_t *bias;       /* [out_c]: bias - input_zero_point * sum of the products + the factors of all chunks */
  const int32_t *multiplier; /* [out_c]: 0 or Q31 in [2^30, 2^31) */
  const int8_t *shift;       /* [out_c]: exponent in [-31, 30], positive to the left; see edgeq_requantize.h */
} edgeq_dense_grouped_t;

/* Any shape. Fields of the words: weight + 8 (4 bits), weight + 2 (2 bits), 1 for +1 (1 bit), weight + 1 (2 bits). */
void edgeq_dense_a8_w4g__c(const edgeq_dense_grouped_t *layer, const int8_t *input, int8_t *output, void *scratch);
void edgeq_dense_a8_w2g__c(const edgeq_dense_grouped_t *layer, const int8_t *input, int8_t *output, void *scratch);
void edgeq_dense_a8_w1g__c(const edgeq_dense_grouped_t *layer, const int8_t *input, int8_t *output, void *scratch);
void edgeq_dense_a8_wtx2g__c(const edgeq_dense_grouped_t *layer, const int8_t *input, int8_t *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
