/* Maximum over windows of an image, int8 [in_h][in_w][in_c] -> int8 [out_h][out_w][in_c].
 *
 *   output[y][x][c] = clamp(max over the window of input[...][c]); padding never wins
 *
 * Input and output have one quantization and must not overlap. No scratch.
 */
#ifndef EDGEQ_MAX_POOL2D_H
#define EDGEQ_MAX_POOL2D_H

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
  /* The output is limited to [clamp_min, clamp_max]; both in [-128, 127]. */
  int32_t clamp_min;
  int32_t clamp_max;
} edgeq_max_pool2d_t;

/* Any shape. */
void edgeq_max_pool2d_a8__c(const edgeq_max_pool2d_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* The same for RISC-V cores with vectors. */
void edgeq_max_pool2d_a8__rvv(const edgeq_max_pool2d_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* Packed activations, rows along the channels. Input and output start on words; no clamp within the format's range. */
void edgeq_max_pool2d_a1__c(const edgeq_max_pool2d_t *layer, const void *input, void *output, void *scratch);
void edgeq_max_pool2d_au1__c(const edgeq_max_pool2d_t *layer, const void *input, void *output, void *scratch);
void edgeq_max_pool2d_a2__c(const edgeq_max_pool2d_t *layer, const void *input, void *output, void *scratch);
void edgeq_max_pool2d_au2__c(const edgeq_max_pool2d_t *layer, const void *input, void *output, void *scratch);
void edgeq_max_pool2d_a4__c(const edgeq_max_pool2d_t *layer, const void *input, void *output, void *scratch);
void edgeq_max_pool2d_au4__c(const edgeq_max_pool2d_t *layer, const void *input, void *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
