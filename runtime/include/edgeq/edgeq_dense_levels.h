/* Fully connected layer whose sums end in thresholds, or are the output themselves.
 *
 *   output[r][o] = level(bias[o] + sum over i of input[r][i] * weights[o][i])
 *
 * Activations of 1, 2, 4 or 8 bits in packed rows along the channels; outputs likewise, or int32 sums. Taps in the
 * padding hold the input's zero point; for binary inputs (+1 and -1) that is 0, so they count nothing. Input and output
 * must not overlap. Input and output start on words. scratch: as the kernel's row in kernels.toml says.
 */
#ifndef EDGEQ_DENSE_LEVELS_H
#define EDGEQ_DENSE_LEVELS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. Fields after the shape: edgeq_levels.h. Tables are constant,
 * owned by the caller, never written. */
typedef struct {
  /* Rows of the input, its width, and the width of the output. All > 0. */
  int32_t rows;
  int32_t in_c;
  int32_t out_c;
  int32_t input_zero_point;
  int32_t threshold_count;
  int32_t threshold_stride;
  int32_t threshold_bytes;
  int32_t input_bits;
  int32_t input_kind;
  int32_t output_bits;
  int32_t output_code;
  int32_t output_step;
  const void *weights;
  const int32_t *bias;
  const void *thresholds;
} edgeq_dense_levels_t;

/* Any shape and any activations; the smallest code. weights: one packed row per output channel, in the format that the
 * name says. */
void edgeq_dense_ax_w8_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output, void *scratch);
void edgeq_dense_ax_w4_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output, void *scratch);
void edgeq_dense_ax_w2_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output, void *scratch);
void edgeq_dense_ax_w1_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output, void *scratch);

/* Plain int8 activations, any shape. weights: one packed row per output channel. scratch: in_c bytes, rounded up to a
 * multiple of 8; none with int8 weights. */
void edgeq_dense_a8_w8_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output, void *scratch);
void edgeq_dense_a8_w4_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output, void *scratch);
void edgeq_dense_a8_w2_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output, void *scratch);
void edgeq_dense_a8_w1_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output, void *scratch);

/* Packed activations, 32 output channels at a time in bit-slices. weights, bias and thresholds: edgeq_bit_slices.h,
 * edgeq_slice_levels.h. wp2 and wp4 take all weights of 2 and 4 bits in two's complement, so wp2 takes ternary ones.
 * scratch: 2 bytes per input up to 256, and 90, twice that for a4 and au4; 96 bytes, above 256 inputs per block. */
void edgeq_dense_a1_w1_32ch_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output,
                                      void *scratch);
void edgeq_dense_a1_wp2_32ch_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output,
                                       void *scratch);
void edgeq_dense_a1_wp4_32ch_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output,
                                       void *scratch);
void edgeq_dense_au1_w1_32ch_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output,
                                       void *scratch);
void edgeq_dense_au1_wp2_32ch_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output,
                                        void *scratch);
void edgeq_dense_au1_wp4_32ch_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output,
                                        void *scratch);
void edgeq_dense_a2_w1_32ch_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output,
                                      void *scratch);
void edgeq_dense_a2_wp2_32ch_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output,
                                       void *scratch);
void edgeq_dense_a2_wp4_32ch_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output,
                                       void *scratch);
void edgeq_dense_au2_w1_32ch_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output,
                                       void *scratch);
void edgeq_dense_au2_wp2_32ch_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output,
                                        void *scratch);
void edgeq_dense_au2_wp4_32ch_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output,
                                        void *scratch);
void edgeq_dense_a4_w1_32ch_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output,
                                      void *scratch);
void edgeq_dense_a4_wp2_32ch_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output,
                                       void *scratch);
void edgeq_dense_a4_wp4_32ch_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output,
                                       void *scratch);
void edgeq_dense_au4_w1_32ch_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output,
                                       void *scratch);
void edgeq_dense_au4_wp2_32ch_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output,
                                        void *scratch);
void edgeq_dense_au4_wp4_32ch_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output,
                                        void *scratch);

/* Binary inputs and weights by words. weights and thresholds: edgeq_bit_words.h. scratch: the input's row, rounded up
 * to words, where in_c % 32 is not 0. */
void edgeq_dense_a1_w1_levels__c(const edgeq_dense_levels_t *layer, const void *input, void *output, void *scratch);
void edgeq_dense_a1_w1_levels__rvzbb(const edgeq_dense_levels_t *layer, const void *input, void *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
