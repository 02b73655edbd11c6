/* Fully connected layer, int8 activations and weights, per-channel requantization.
 *
 *   output[r][o] = clamp(requantize(bias[o] + sum over i of input[r][i] * weights[o][i]))
 *
 * Input and output must not overlap. scratch: as the kernel's row in kernels.toml says.
 */
#ifndef EDGEQ_DENSE_H
#define EDGEQ_DENSE_H

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
  /* Tables are constant, owned by the caller, never written. */
  const int8_t *weights;     /* [out_c][in_c], or packed as the kernel's row says */
  const int32_t *bias;       /* [out_c]: bias - input_zero_point * sum of the channel's weights */
  const int32_t *multiplier; /* [out_c]: 0 or Q31 in [2^30, 2^31) */
  const int8_t *shift;       /* [out_c]: exponent in [-31, 30], positive to the left; see edgeq_requantize.h. Null
                              * where a kernel with small weights finds one factor for all: {multiplier, shift} */
} edgeq_dense_t;

/* Any shape; the smallest code. weights: as written above. */
void edgeq_dense_a8_w8__c(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* The faster ones: every shift at least one bit to the right, |accumulators| < 2^29. `shift` counts to the right,
 * [1, 31]. Tables are filled up to whole blocks. */

/* 8 outputs at a time. weights: [out_c / 8][in_c][8], filled up with zeros. */
void edgeq_dense_a8_w8_8ch__c(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* 4 outputs at a time. weights: [out_c / 4][in_c][4] of (uint8_t)(weight + 128). */
void edgeq_dense_a8_w8_4ch__c(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* The same weights, for Cortex-M0 and M0+: |accumulators| < 2^23. multiplier: [out_c][3]: bias, multiplier, shift; bias
 * and shift: not read. */
void edgeq_dense_a8_w8_4ch__v6m(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* For cores with the DSP extension: weights >= -127, |accumulators| < 2^23, none that is half-way between two outputs;
 * 4 outputs at a time. weights: [out_c / 4][tap / 2][2][2] halfwords w0 + 256 w1 of two outputs each, taps filled up to
 * a multiple of 8, those of every 4 in the order 0, 2, 1, 3. bias: per pair of outputs b0 and b0 + 256 b1. multiplier:
 * per output 2 m - 2^32 (modulo 2^32) and shift; shift: not read. */
void edgeq_dense_a8_w8_4ch__dsp(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* Arm cores with MVE; 4 outputs, 16 inputs at a time. weights: [out_c / 4][in_c / 16][4][16], filled up with zeros.
 * shift: to the left, [-31, -1]. multiplier: no accumulator may be a tie. Up to 15 bytes behind the input are read. */
void edgeq_dense_a8_w8_4ch__mve(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* RISC-V cores with vectors. weights: [in_c][out_c]. multiplier: one that rounds half up, doubled (modulo 2^32). */
void edgeq_dense_a8_w8__rvv(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* Weights below 8 bits, rows as docs/spec.md has them, any shape. scratch: in_c + 7 bytes. */
void edgeq_dense_a8_w1__c(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch);
void edgeq_dense_a8_w2__c(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch);
void edgeq_dense_a8_w4__c(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch);
void edgeq_dense_a8_wt5__c(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* By tables of sums (edgeq/kernels/layouts_small_weights.py says how the weights are packed); shifts and accumulators
 * as above, in_c <= 65536. scratch: aligned to 4; 8 tables (4096 bytes, wt5 4032), then 4 bytes per output, filled up
 * to an even number. */
void edgeq_dense_a8_w1_table__c(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch);
void edgeq_dense_a8_w2_table__c(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch);
void edgeq_dense_a8_wt5_table__c(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* 4-bit weights, two products per multiplication; shifts and accumulators as above, in_c <= 65536. weights:
 * [out_c / 4][in_c / 8][4] words of edgeq_nibble_pairs.h. scratch: aligned to 4; 16 bytes per 8 and 4 per 32 inputs. */
void edgeq_dense_a8_w4_4ch__c(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* 4-bit weights, for cores with the DSP extension: |accumulators| < 2^19, none that is half-way between two outputs; 4
 * outputs at a time. weights: [out_c / 4][tap] halfwords (w0 + 8) + 16 (w1 + 8) + 256 (w2 + 8) + 4096 w3 of four
 * outputs, taps filled up to a multiple of 8 and in the order 0, 2, 1, 3. bias: per four outputs b0, 16 b1, 256 b2 and
 * the sum of these and 4096 b3. multiplier: per output 2 m - 2^32 (modulo 2^32) and shift; shift: not read. */
void edgeq_dense_a8_w4_4ch__dsp(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* 2-bit weights, for cores with the DSP extension: |accumulators| < 2^25, none that is half-way between two outputs; 4
 * outputs at a time. weights: [out_c / 4][tap] bytes (w0 + 2) + 4 (w1 + 2) + 16 (w2 + 2) + 64 w3 of four outputs, taps
 * filled up to a multiple of 8. bias: per four outputs b0, 4 b1, 16 b2 and the sum of these and 64 b3. multiplier,
 * shift: as of the one for 4 bits. */
void edgeq_dense_a8_w2_4ch__dsp(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* For Armv7-M without the DSP extension: no accumulator that is half-way between two outputs; 8 outputs at a time.
 * weights: per 8 outputs, on a word boundary, their biases as words, [tap][8] weights, and per output the words
 * 2 m - 2^32 (modulo 2^32) and shift; bias, multiplier and shift: not read. */
void edgeq_dense_a8_w8_8ch__v7m(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* int16 in, out, or both, any shape; the weights as written above. Zero points of int16 are 0, and clamp_min and
 * clamp_max in [-32768, 32767] for an int16 output. |accumulators| fit 32 bits (proved by the converter). */
void edgeq_dense_a8_w8_to16__c(const edgeq_dense_t *layer, const int8_t *input, int16_t *output, void *scratch);
void edgeq_dense_a16_w8_to8__c(const edgeq_dense_t *layer, const int16_t *input, int8_t *output, void *scratch);
void edgeq_dense_a16_w8_to16__c(const edgeq_dense_t *layer, const int16_t *input, int16_t *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
