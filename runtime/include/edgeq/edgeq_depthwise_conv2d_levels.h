/* Depthwise convolution whose sums end in thresholds, or are the output themselves.
 *
 *   output[y][x][o] = level(bias[o] + sum over ky, kx of input[...][...][o / depth_multiplier] * weights[o][ky][kx])
 *
 * Activations of 1, 2, 4 or 8 bits in packed rows along the channels; outputs likewise, or int32 sums. Taps in the
 * padding hold the input's zero point; for binary inputs (+1 and -1) that is 0, so they count nothing. Input and output
 * must not overlap. Input and output start on words. scratch: as the kernel's row in kernels.toml says.
 */
#ifndef EDGEQ_DEPTHWISE_CONV2D_LEVELS_H
#define EDGEQ_DEPTHWISE_CONV2D_LEVELS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. Fields after the shape: edgeq_levels.h. Tables are constant,
 * owned by the caller, never written. */
typedef struct {
  /* Shapes in elements, batch 1, channels last (NHWC). All > 0. */
  int32_t in_h, in_w, in_c;
  int32_t out_h, out_w, out_c;
  /* The window, as in edgeq_depthwise_conv2d.h. */
  int32_t kernel_h, kernel_w;
  int32_t stride_h, stride_w;
  int32_t dilation_h, dilation_w;
  int32_t pad_top, pad_left;
  /* Outputs per input channel: out_c == in_c * depth_multiplier. */
  int32_t depth_multiplier;
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
} edgeq_depthwise_conv2d_levels_t;

/* Any shape and any activations; the smallest code. weights: one packed row per output channel, in the format that the
 * name says. */
void edgeq_depthwise_conv2d_ax_w8_levels__c(const edgeq_depthwise_conv2d_levels_t *layer, const void *input,
                                            void *output, void *scratch);
void edgeq_depthwise_conv2d_ax_w4_levels__c(const edgeq_depthwise_conv2d_levels_t *layer, const void *input,
                                            void *output, void *scratch);
void edgeq_depthwise_conv2d_ax_w2_levels__c(const edgeq_depthwise_conv2d_levels_t *layer, const void *input,
                                            void *output, void *scratch);
void edgeq_depthwise_conv2d_ax_w1_levels__c(const edgeq_depthwise_conv2d_levels_t *layer, const void *input,
                                            void *output, void *scratch);

/* Binary inputs and weights, depth_multiplier == 1: [in_c / 32][tap] words, inverted. Thresholds: edgeq_slice_levels.h.
 */
void edgeq_depthwise_conv2d_a1_w1_levels__c(const edgeq_depthwise_conv2d_levels_t *layer, const void *input,
                                            void *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
