/* Average over windows of an image, int8 [in_h][in_w][in_c] -> int8 [out_h][out_w][in_c].
 *
 *   output[y][x][c] = clamp(mean over the window of input[...][c]), halves away from zero
 *
 * Padding is left out of sum and count, or counts as input_zero_point. Input and output have one quantization and must
 * not overlap. No scratch.
 */
#ifndef EDGEQ_AVG_POOL2D_H
#define EDGEQ_AVG_POOL2D_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef struct {
  /* Input height, width and channels; output height and width. All > 0. */
  int32_t in_h;
  int32_t in_w;
  int32_t in_c;
  int32_t out_h;
  int32_t out_w;
  /* The window, its steps (all > 0), and the rows and columns of padding before the input (less than the window). What
   * lies beyond the end of the input is padding too. */
  int32_t kernel_h;
  int32_t kernel_w;
  int32_t stride_h;
  int32_t stride_w;
  int32_t pad_top;
  int32_t pad_left;
  /* 1: every window has kernel_h * kernel_w elements, those in the padding being input_zero_point. 0: padding is left
   * out. */
  int32_t count_include_pad;
  int32_t input_zero_point;
  /* The output is limited to [clamp_min, clamp_max]; both in [-128, 127]. */
  int32_t clamp_min;
  int32_t clamp_max;
  /* reciprocals[n - smallest_count] is ceil(2^24 / n), for every count n of a window's elements; n <= 2^16. Constant,
   * owned by the caller. */
  int32_t smallest_count;
  const uint32_t *reciprocals;
} edgeq_avg_pool2d_t;

/* Any shape. */
void edgeq_avg_pool2d_a8__c(const edgeq_avg_pool2d_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* Arm cores with MVE; any shape. */
void edgeq_avg_pool2d_a8__mve(const edgeq_avg_pool2d_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* The same for RISC-V cores with vectors. */
void edgeq_avg_pool2d_a8__rvv(const edgeq_avg_pool2d_t *layer, const int8_t *input, int8_t *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
