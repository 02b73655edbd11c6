/* Two-dimensional convolution, int8 activations and weights, per-channel requantization.
 *
 *   output[y][x][o] = clamp(requantize(bias[o] + sum over ky, kx, c of input[...][...][c] * weights[o][ky][kx][c]))
 *
 * One-dimensional convolutions have height 1. Input and output must not overlap. scratch: as the kernel's row in
 * kernels.toml says, aligned to 4, contents lost; may be null where the row says 0.
 */
#ifndef EDGEQ_CONV2D_H
#define EDGEQ_CONV2D_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef struct {
  /* Shapes in elements, batch 1, channels last (NHWC). All > 0. */
  int32_t in_h, in_w, in_c;
  int32_t out_h, out_w, out_c;
  /* The window: size, step between outputs, step between taps (1 = dense), and how many rows and columns of padding
   * lie above and left of the input. The padding below and right follows from out_h and out_w. */
  int32_t kernel_h, kernel_w;
  int32_t stride_h, stride_w;
  int32_t dilation_h, dilation_w;
  int32_t pad_top, pad_left;
  /* Channels are split in order: output channels [g * group_out_c, ...) read input channels [g * group_in_c, ...).
   * groups * group_in_c == in_c, groups * group_out_c == out_c. */
  int32_t groups;
  int32_t group_in_c, group_out_c;
  /* The real 0 of the input, which the padding holds; [-128, 127]. Already folded into the bias. */
  int32_t input_zero_point;
  /* Added to the requantized accumulator, which is then limited to [clamp_min, clamp_max]; all in [-128, 127]. */
  int32_t output_zero_point;
  int32_t clamp_min;
  int32_t clamp_max;
  /* Tables are constant, owned by the caller, never written. */
  const int8_t *weights;     /* [out_c][kernel_h][kernel_w][group_in_c], or packed as the kernel's row says */
  const int32_t *bias;       /* [out_c]: bias - input_zero_point * sum of the channel's weights */
  const int32_t *multiplier; /* [out_c]: 0 or Q31 in [2^30, 2^31) */
  const int8_t *shift;       /* [out_c]: exponent in [-31, 30], positive to the left; see edgeq_requantize.h. Null
                              * where a kernel with small weights finds one factor for all: {multiplier, shift} */
} edgeq_conv2d_t;

/* Any shape; the smallest code. weights: as written above. */
void edgeq_conv2d_a8_w8__c(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* The faster ones: every shift at least one bit to the right, |accumulators| < 2^29. `shift` counts to the right,
 * [1, 31]. Tables are filled up to whole blocks. */

/* Groups == 1; 2 channels x 4 pixels at a time. weights: [out_c / 2][tap][2], taps in the order ky, kx, c filled up to
 * a multiple of 4, both with zeros. scratch: 4 bytes per tap (filled up), none up to 64 taps. */
void edgeq_conv2d_a8_w8_2x4__c(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* Groups == 1, weights >= -127; 8 channels x 2 pixels at a time. weights: [out_c / 8][tap / 2][8][2], filled up with
 * zeros. scratch: as above. */
void edgeq_conv2d_a8_w8_8x2__c(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* Groups == 1; 2 channels x 2 pixels at a time. weights: [out_c / 2][tap][2] of (uint8_t)(weight + 128), taps filled up
 * to a multiple of 4 with 0. bias: + 16384 * taps - 128 * sum of (weight + 128). scratch: as above. */
void edgeq_conv2d_a8_w8_2x2__c(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* The same weights, for Cortex-M0 and M0+: |accumulators| < 2^23. multiplier: [out_c][3]: bias as above, multiplier,
 * shift; bias and shift: not read. */
void edgeq_conv2d_a8_w8_2x2__v6m(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* For cores with the DSP extension: groups == 1, weights >= -127, |accumulators| < 2^23; 4 channels x 2 pixels at a
 * time. weights: [out_c / 4][tap / 2][2][2] halfwords w0 + 256 w1 of two channels each, taps filled up to a multiple of
 * 4 and in the order 0, 2, 1, 3. multiplier: per channel 2 m - 2^32 (modulo 2^32) and bias * 256 + shift; bias and
 * shift: not read. scratch: 4 bytes per tap (filled up), 5 above 320 taps, none up to 64. */
void edgeq_conv2d_a8_w8_4x2__dsp(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* Arm cores with MVE, groups == 1; 4 channels, 16 taps at a time. weights: [out_c / 4][tap / 16][4][16], filled up with
 * zeros. shift: to the left, [-31, -1]. Up to 15 bytes behind the input are read. scratch: the taps of a window,
 * rounded up to a multiple of 16; none up to 32 taps, and for 1x1 without padding. */
void edgeq_conv2d_a8_w8_4ch__mve(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* RISC-V cores with vectors, groups == 1; 3 pixels at a time, or 6 by half as many channels. weights: [tap][out_c],
 * taps in the order ky, kx, c. scratch: the taps of so many windows. */
void edgeq_conv2d_a8_w8_6px__rvv(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch);
void edgeq_conv2d_a8_w8_3px__rvv(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* Weights below 8 bits, rows as docs/spec.md has them, any shape. scratch: one byte per tap of a row and 7. */
void edgeq_conv2d_a8_w1__c(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch);
void edgeq_conv2d_a8_w2__c(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch);
void edgeq_conv2d_a8_w4__c(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch);
void edgeq_conv2d_a8_wt5__c(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* By tables of sums for 4 pixels at a time (edgeq/kernels/layouts_small_weights.py says how the weights are packed);
 * groups == 1, at least 4 pixels, shifts and accumulators as above, taps <= 65536. scratch: 4 bytes per tap, 4 tables
 * (1024 bytes, wt5 1152) and 24 bytes per output channel. */
void edgeq_conv2d_a8_w1_table__c(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch);
void edgeq_conv2d_a8_w2_table__c(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch);
void edgeq_conv2d_a8_wt5_table__c(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* 4-bit weights, two products per multiplication, 4 pixels at a time; otherwise as above. weights:
 * [tap / 32][o / 2][4][2] words of edgeq_nibble_pairs.h. scratch: 4 bytes per tap, filled up to 8, 272 bytes and 16 per
 * output channel, filled up to 2. */
void edgeq_conv2d_a8_w4_2x4__c(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* For cores with the DSP extension: groups == 1; 2 channels x 2 pixels at a time. weights: [out_c / 2][tap / 4][2][4],
 * taps filled up to a multiple of 4. multiplier: per channel 2 m - 2^32 (modulo 2^32) and shift; shift: not read.
 * scratch: as of the one before. */
void edgeq_conv2d_a8_w8_2x2__dsp(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* For cores with the DSP extension: 1x1, groups == 1, in_c 8 or 16, steps of 1, no padding. weights: per output channel
 * words, those of weights being halfwords in the order 0, 2, 1, 3 of every four: 2 m - 2^32 (modulo 2^32), shift, bias,
 * weights for 8 channels; bias, weights, 2 m - 2^32, shift, output_zero_point for 16. bias, multiplier and shift: not
 * read. */
void edgeq_conv2d_a8_w8_1x1__dsp(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* For Armv7-M without the DSP extension: groups == 1, weights >= -127; 4 pixels at a time. weights: per channel, on a
 * word boundary, three words: 4 where the sizes of every four weights add up to at most 255, else 0; bias * 65537 -
 * 32768 * (4 ? taps / 4 : taps / 2) (modulo 2^32); bias. Then the weights, taps filled up to a multiple of 4, and the
 * words 2 m - 2^32 (modulo 2^32) and shift; bias, multiplier and shift: not read. scratch: 12 bytes per tap (filled
 * up).
 */
void edgeq_conv2d_a8_w8_4px__v7m(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* 4-bit weights, for cores with the DSP extension: groups == 1, |accumulators| < 2^19; 4 channels x 2 pixels at a time.
 * weights: [out_c / 4][tap] halfwords (w0 + 8) + 16 (w1 + 8) + 256 (w2 + 8) + 4096 w3 of four channels, taps filled up
 * to a multiple of 4 and in the order 0, 2, 1, 3. bias: per four channels b0, 16 b1, 256 b2 and the sum of these and
 * 4096 b3. multiplier: per channel 2 m - 2^32 (modulo 2^32) and shift; shift: not read. scratch: as of the one before.
 */
void edgeq_conv2d_a8_w4_4x2__dsp(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* 2-bit weights, for cores with the DSP extension: groups == 1, |accumulators| < 2^25; 4 channels x 2 pixels at a time.
 * weights: [out_c / 4][tap] bytes (w0 + 2) + 4 (w1 + 2) + 16 (w2 + 2) + 64 w3 of four channels, taps filled up to a
 * multiple of 4. bias: per four channels b0, 4 b1, 16 b2 and the sum of these and 64 b3. multiplier, shift, scratch: as
 * of the one for 4 bits. */
void edgeq_conv2d_a8_w2_4x2__dsp(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* int16 in, out, or both, any shape; the weights as written above. Zero points of int16 are 0, and clamp_min and
 * clamp_max in [-32768, 32767] for an int16 output. |accumulators| fit 32 bits (proved by the converter).
 * scratch: one input element per tap of a group. */
void edgeq_conv2d_a8_w8_to16__c(const edgeq_conv2d_t *layer, const int8_t *input, int16_t *output, void *scratch);
void edgeq_conv2d_a16_w8_to8__c(const edgeq_conv2d_t *layer, const int16_t *input, int8_t *output, void *scratch);
void edgeq_conv2d_a16_w8_to16__c(const edgeq_conv2d_t *layer, const int16_t *input, int16_t *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
