/* Product of two int8 tensors with their own scales; broadcasting by strides.
 *
 *   output = clamp(requantize((a - a_zero_point) * (b - b_zero_point)) + output_zero_point)
 *
 * The output may overwrite an operand of the same size exactly. No scratch.
 */
#ifndef EDGEQ_MUL_H
#define EDGEQ_MUL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef struct {
  /* Three nested loops write the output front to back; all extents > 0. */
  int32_t outer;
  int32_t middle;
  int32_t inner;
  /* By how many elements each loop advances in a and in b; 0 where the operand is stretched. */
  int32_t a_outer;
  int32_t a_middle;
  int32_t a_inner;
  int32_t b_outer;
  int32_t b_middle;
  int32_t b_inner;
  int32_t a_zero_point; /* [-128, 127] */
  int32_t b_zero_point;
  /* The product's factor: multiplier in [2^30, 2^31) or 0, shift in [-31, 12], so that a shifted product is under
   * 2^29; see edgeq_requantize.h. */
  int32_t multiplier;
  int32_t shift;
  /* Added to the requantized product, which is then limited to [clamp_min, clamp_max]; all in [-128, 127]. */
  int32_t output_zero_point;
  int32_t clamp_min;
  int32_t clamp_max;
} edgeq_mul_t;

/* Any shape. */
void edgeq_mul_a8__c(const edgeq_mul_t *layer, const int8_t *a, const int8_t *b, int8_t *output, void *scratch);

/* Two int16 tensors, whose zero points and that of an int16 output are 0; shift in [-31, 0]; clamp_min and clamp_max in
 * [-32768, 32767] for an int16 output. Any shape. */
void edgeq_mul_a16_to8__c(const edgeq_mul_t *layer, const int16_t *a, const int16_t *b, int8_t *output, void *scratch);
void edgeq_mul_a16_to16__c(const edgeq_mul_t *layer, const int16_t *a, const int16_t *b, int16_t *output,
                           void *scratch);

#ifdef __cplusplus
}
#endif

#endif
