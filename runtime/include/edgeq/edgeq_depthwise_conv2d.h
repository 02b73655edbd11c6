/* Depthwise convolution, int8 activations and weights, per-channel requantization.
 *
 *   output[y][x][o] = clamp(requantize(bias[o] + sum over ky, kx of input[...][...][o / m] * weights[ky][kx][o]))
 *
 * with m = depth_multiplier. Input and output must not overlap. scratch: as the kernel's row in kernels.toml says.
 */
#ifndef EDGEQ_DEPTHWISE_CONV2D_H
#define EDGEQ_DEPTHWISE_CONV2D_H

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
  /* Outputs per input channel: out_c == in_c * depth_multiplier. */
  int32_t depth_multiplier;
  /* The real 0 of the input, which the padding holds; [-128, 127]. Already folded into the bias. */
  int32_t input_zero_point;
  /* Added to the requantized accumulator, which is then limited to [clamp_min, clamp_max]; all in [-128, 127]. */
  int32_t output_zero_point;
  int32_t clamp_min;
  int32_t clamp_max;
  /* Tables are constant, owned by the caller, never written. */
  const int8_t *weights;     /* [kernel_h][kernel_w][out_c], or packed as the kernel's row says */
  const int32_t *bias;       /* [out_c]: bias - input_zero_point * sum of the channel's weights */
  const int32_t *multiplier; /* [out_c]: 0 or Q31 in [2^30, 2^31) */
  const int8_t *shift;       /* [out_c]: exponent in [-31, 30], positive to the left; see edgeq_requantize.h. Null
                              * where a kernel with small weights finds one factor for all: {multiplier, shift} */
} edgeq_depthwise_conv2d_t;

/* Any shape; the smallest code. weights: as written above. */
void edgeq_depthwise_conv2d_a8_w8__c(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                     void *scratch);

/* The faster ones: depth_multiplier == 1, up to 30 taps, every shift at least one bit to the right, |accumulators| <
 * 2^29. `shift` counts to the right, [1, 31]. Tables are filled up to whole blocks. Before the weights lies a line of
 * input zero points, one byte per channel, channels filled up to a multiple of 4; taps are filled up to a multiple of
 * 3 with weights of 0. */

/* Channel by channel. weights: the line, then [in_c][tap]. */
void edgeq_depthwise_conv2d_a8_w8_1ch__c(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                         void *scratch);

/* For Cortex-M0 and M0+: windows of 9 taps, |accumulators| < 2^23. weights: the line, then per channel 20 bytes: bias
 * and multiplier (words), 9 weights, the shift, 2 bytes of nothing. bias, multiplier and shift: not read. */
void edgeq_depthwise_conv2d_a8_w8_3x3__v6m(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                           void *scratch);

/* 4 channels at a time; in_c % 4 == 0. weights: the line, then [in_c / 4][tap][4]. */
void edgeq_depthwise_conv2d_a8_w8_4ch__c(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                         void *scratch);

/* For cores with the DSP extension: up to 30 taps, depth_multiplier == 1, in_c % 4 == 0, every shift at least one bit
 * to the right, |accumulators| < 2^29; 4 channels at a time. weights: the line, then per 4 channels the biases as
 * words, [tap][4], and for each channel the words 2 m - 2^32 (modulo 2^32) and shift. bias, multiplier, shift: not
 * read. */
void edgeq_depthwise_conv2d_a8_w8_4ch__dsp(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                           void *scratch);

/* For cores with the DSP extension: 3x3, steps and dilations of 1, depth_multiplier == 1, in_c % 4 == 0, out_h <=
 * out_w, every shift at least one bit to the right, |accumulators| < 2^29. weights: per channel 20 bytes, every 4
 * channels in the order 0, 2, 1, 3; with w[line][position] as [ky][kx], or (below) as [kx][ky] where out_h > out_w: w00
 * w01 w10 w11, w02 w20 w12 w21, shift w22 0 0, then as words 2 m - 2^32 (modulo 2^32) and the bias. bias, multiplier
 * and shift: not read. */
void edgeq_depthwise_conv2d_a8_w8_3x3__dsp(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                           void *scratch);

/* The same for any out_h, with outputs as large as inputs; the output may be the input, but not lie over it otherwise.
 * scratch: 4 bytes per position of the input with its padding, and 32 for each of n + 2 positions, n: outputs on the
 * longer side, at most 48, filled up to a multiple of 3. */
void edgeq_depthwise_conv2d_a8_w8_3x3_plane__dsp(const edgeq_depthwise_conv2d_t *layer, const int8_t *input,
                                                 int8_t *output, void *scratch);

/* Arm cores with MVE, depth_multiplier == 1, up to 30 taps, weights >= -127; 8 channels at a time. weights: a line of
 * input zero points, channels filled up to a multiple of 8; then [c / 8][tap][8]. Up to 7 bytes behind the
 * input are read. shift: to the left, [-31, -1]. bias, multiplier, shift: of 8 channels, first 0 2 4 6, then 1 3 5 7.
 */
void edgeq_depthwise_conv2d_a8_w8_8ch__mve(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                           void *scratch);

/* RISC-V cores with vectors; any number of taps. weights: [tap][c]. Nothing is filled up. */
void edgeq_depthwise_conv2d_a8_w8__rvv(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                       void *scratch);

/* Weights below 8 bits, rows as docs/spec.md has them (one per output channel), any shape. scratch: one byte per tap of
 * a row and 7. Input and output must not overlap. */
void edgeq_depthwise_conv2d_a8_w1__c(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                     void *scratch);
void edgeq_depthwise_conv2d_a8_w2__c(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                     void *scratch);
void edgeq_depthwise_conv2d_a8_w4__c(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                     void *scratch);
void edgeq_depthwise_conv2d_a8_wt5__c(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                      void *scratch);

/* Depth multiplier 1, in_c a multiple of 4, windows of up to 30 taps; shifts and accumulators as above. weights: [c /
 * 4] rows of [tap][4]. scratch: in_c bytes for each tap, filled up to a multiple of 3, and one more, and 8. Output and
 * input may share memory as in edgeq_depthwise_conv2d_a8_w8_4ch__c. */
void edgeq_depthwise_conv2d_a8_w1_4ch__c(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                         void *scratch);
void edgeq_depthwise_conv2d_a8_w2_4ch__c(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                         void *scratch);
void edgeq_depthwise_conv2d_a8_w4_4ch__c(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                         void *scratch);
void edgeq_depthwise_conv2d_a8_wt5_4ch__c(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                          void *scratch);

/* 3x3 with steps of 1 on Armv7-M without the DSP extension; depth multiplier 1, channels a multiple of 4, out_h <=
 * out_w. weights: per channel, on a word boundary, 9 weights in the order of rows (below, of columns where out_h >
 * out_w), the shift, 2 bytes, and the words 2 m - 2^32 (modulo 2^32) and bias; other tables are not read. */
void edgeq_depthwise_conv2d_a8_w8_3x3__v7m(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                           void *scratch);

/* The same for any out_h, with outputs as large as inputs; the output may be the input, but not lie over it otherwise.
 * scratch: 4 bytes per position of the input with its padding, and 20 for each of n + 2 positions, n: outputs on the
 * longer side, at most 48, both filled up to a multiple of 3. */
void edgeq_depthwise_conv2d_a8_w8_3x3_plane__v7m(const edgeq_depthwise_conv2d_t *layer, const int8_t *input,
                                                 int8_t *output, void *scratch);

/* The same tables and shapes as of edgeq_depthwise_conv2d_a8_w8_4ch__dsp, for Armv7-M without the DSP extension. */
void edgeq_depthwise_conv2d_a8_w8_4ch__v7m(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                           void *scratch);

/* int16 in, out, or both, any shape; the weights as written above. Zero points of int16 are 0, and clamp_min and
 * clamp_max in [-32768, 32767] for an int16 output. |accumulators| fit 32 bits (proved by the converter).
 * scratch: 4 bytes per output channel. */
void edgeq_depthwise_conv2d_a8_w8_to16__c(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int16_t *output,
                                          void *scratch);
void edgeq_depthwise_conv2d_a16_w8_to8__c(const edgeq_depthwise_conv2d_t *layer, const int16_t *input, int8_t *output,
                                          void *scratch);
void edgeq_depthwise_conv2d_a16_w8_to16__c(const edgeq_depthwise_conv2d_t *layer, const int16_t *input, int16_t *output,
                                           void *scratch);

#ifdef __cplusplus
}
#endif

#endif
