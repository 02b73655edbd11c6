/* Mean over neighbouring axes, int8 [outer][reduce][inner] -> int8 [outer][inner].
 *
 *   output[o][i] = saturate(requantize(offset + sum over r of input[o][r][i]) + output_zero_point)
 *
 * Input and output must not overlap. No scratch.
 */
#ifndef EDGEQ_MEAN_H
#define EDGEQ_MEAN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef struct {
  /* Extents, all > 0. */
  int32_t outer;
  int32_t reduce;
  int32_t inner;
  /* -reduce * zero point of the input; 255 * reduce fits 31 bits. */
  int32_t offset;
  /* Input scale / (output scale * reduce): multiplier in [2^29, 2^31) or 0, shift in [-31, 30]; see
   * edgeq_requantize.h. */
  int32_t multiplier;
  int32_t shift;
  int32_t output_zero_point; /* [-128, 127] */
} edgeq_mean_t;

/* Any shape. */
void edgeq_mean_a8__c(const edgeq_mean_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* int16 in, out, or both, with zero point 0; reduce up to 2^14; any shape. */
void edgeq_mean_a8_to16__c(const edgeq_mean_t *layer, const int8_t *input, int16_t *output, void *scratch);
void edgeq_mean_a16_to8__c(const edgeq_mean_t *layer, const int16_t *input, int8_t *output, void *scratch);
void edgeq_mean_a16_to16__c(const edgeq_mean_t *layer, const int16_t *input, int16_t *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
