/* Normalization of rows: LayerNorm and RMSNorm. edgeq/ops/layer_norm.py derives the arithmetic and is the twin.
 *
 * With q a row, S its sum and Q the sum of its squares, the deviation d is columns * q - S and W is
 * columns * Q - S^2 + epsilon (centred), or d = q - zero point and W the sum of d^2 + epsilon. Every output is
 * d / sqrt(W) times the column's multiplier plus the column's offset. No scratch; the output may be the input.
 */
#ifndef EDGEQ_LAYER_NORM_H
#define EDGEQ_LAYER_NORM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef struct {
  int32_t rows;    /* > 0 */
  int32_t columns; /* [1, 2^14] */
  int32_t centred; /* 1: LayerNorm; 0: RMSNorm */
  int32_t input_zero_point;
  int32_t epsilon_high; /* epsilon * 4^spare = epsilon_high * 2^31 + epsilon_low, under 2^60 */
  int32_t epsilon_low;
  int32_t spare;              /* W is kept with twice as many bits behind the point: [0, 8] */
  int32_t headroom;           /* bits by which |d| may exceed sqrt(W): [0, 7] */
  int32_t fraction;           /* bits behind the point of products and offsets: [1, 29] */
  const int32_t *multipliers; /* [columns] */
  const int32_t *offsets;     /* [columns], |offset| < 2^29 */
  int32_t output_zero_point;
} edgeq_layer_norm_t;

/* Any shape. */
void edgeq_layer_norm_a8__c(const edgeq_layer_norm_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* int16 in, out, or both, with zero point 0; of int16 up to 2^12 columns, spare up to 3; any shape. */
void edgeq_layer_norm_a8_to16__c(const edgeq_layer_norm_t *layer, const int8_t *input, int16_t *output, void *scratch);
void edgeq_layer_norm_a16_to8__c(const edgeq_layer_norm_t *layer, const int16_t *input, int8_t *output, void *scratch);
void edgeq_layer_norm_a16_to16__c(const edgeq_layer_norm_t *layer, const int16_t *input, int16_t *output,
                                  void *scratch);

#ifdef __cplusplus
}
#endif

#endif
