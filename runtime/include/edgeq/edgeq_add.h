/* Sum of two int8 tensors with their own scales; broadcasting by strides.
 *
 *   output = clamp(requantize(scale_a(a - a_zero_point) + scale_b(b - b_zero_point)) + output_zero_point)
 *
 * where scale_a and scale_b bring both operands to 2^-20 of twice the larger input scale, and requantize that to the
 * output. Arithmetic as TFLite publishes it for its quantized ADD; edgeq/ops/addition.py derives the form used here.
 * The output may overwrite an operand of the same size exactly.
 */
#ifndef EDGEQ_ADD_H
#define EDGEQ_ADD_H

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
  /* Operand a: zero point in [-128, 127]; the multiplier of its factor, high * 2^11 + low; right shift in [1, 31]. */
  int32_t a_zero_point;
  int32_t a_high; /* [0, 2^20] */
  int32_t a_low;  /* [0, 2^11) */
  int32_t a_shift;
  /* Operand b, likewise. */
  int32_t b_zero_point;
  int32_t b_high;
  int32_t b_low;
  int32_t b_shift;
  /* The output's factor: multiplier in [2^30, 2^31) or 0, right shift in [1, 31]. */
  int32_t multiplier;
  int32_t right;
  /* Added to the requantized sum, which is then limited to [clamp_min, clamp_max]; all in [-128, 127]. */
  int32_t output_zero_point;
  int32_t clamp_min;
  int32_t clamp_max;
} edgeq_add_t;

/* x * (high * 2^11 + low) * 2^(20 - 31 - shift) with double rounding, for |x| <= 255: TFLite's first step without the
 * 64-bit product. half: 2^(shift - 1). The first rounding is half up, the second half away from zero; x stands in for
 * the sign of what is rounded second, because where that is 0, the result is 0 either way. */
static inline int32_t edgeq_add_scale(int32_t x, int32_t high, int32_t low, int32_t half, int32_t shift) {
  return (x * high + half + ((x * low + (1 << 10)) >> 11) + (x >> 31)) >> shift;
}

/* Any shape. */
void edgeq_add_a8__c(const edgeq_add_t *layer, const int8_t *a, const int8_t *b, int8_t *output, void *scratch);

/* Any shape; for tensors of many elements. scratch: 2048 bytes, aligned to 4. */
void edgeq_add_a8_table__c(const edgeq_add_t *layer, const int8_t *a, const int8_t *b, int8_t *output, void *scratch);

/* Arm cores with MVE; a_inner == 1 and b_inner == 1. */
void edgeq_add_a8__mve(const edgeq_add_t *layer, const int8_t *a, const int8_t *b, int8_t *output, void *scratch);

/* RISC-V cores with vectors; a_inner == 1 and b_inner == 1. */
void edgeq_add_a8__rvv(const edgeq_add_t *layer, const int8_t *a, const int8_t *b, int8_t *output, void *scratch);

/* The same for cores with the DSP extension. */
void edgeq_add_a8_table__dsp(const edgeq_add_t *layer, const int8_t *a, const int8_t *b, int8_t *output, void *scratch);

/* A sum of two int16 tensors, both with zero point 0. edgeq/ops/wide_addition.py derives the arithmetic. */
typedef struct {
  /* Loops and steps as above. */
  int32_t outer;
  int32_t middle;
  int32_t inner;
  int32_t a_outer;
  int32_t a_middle;
  int32_t a_inner;
  int32_t b_outer;
  int32_t b_middle;
  int32_t b_inner;
  /* Scales of the operands over twice the larger, in Q31; [0, 2^30]. */
  int32_t a_multiplier;
  int32_t b_multiplier;
  /* The output's factor: multiplier in [2^30, 2^31) or 0, right shift in [0, 31]. */
  int32_t multiplier;
  int32_t right;
  /* Added to the requantized sum (0 for int16), which is then limited to [clamp_min, clamp_max]. */
  int32_t output_zero_point;
  int32_t clamp_min;
  int32_t clamp_max;
} edgeq_add_wide_t;

/* Any shape; the output may overwrite an operand of the same size exactly. */
void edgeq_add_a16_to8__c(const edgeq_add_wide_t *layer, const int16_t *a, const int16_t *b, int8_t *output,
                          void *scratch);
void edgeq_add_a16_to16__c(const edgeq_add_wide_t *layer, const int16_t *a, const int16_t *b, int16_t *output,
                           void *scratch);

#ifdef __cplusplus
}
#endif

#endif
