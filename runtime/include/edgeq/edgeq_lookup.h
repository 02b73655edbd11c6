/* Any function of one int8 by a table of its 256 results: activations, requantization.
 *
 *   output[i] = table[(uint8_t)input[i]]
 *
 * The output may overwrite the input exactly. No scratch.
 */
#ifndef EDGEQ_LOOKUP_H
#define EDGEQ_LOOKUP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef struct {
  int32_t count;       /* elements; > 0 */
  const int8_t *table; /* [256]: results for 0..127, then for -128..-1. Constant, owned by the caller */
} edgeq_lookup_t;

/* Any shape. */
void edgeq_lookup_a8__c(const edgeq_lookup_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* The same for RISC-V cores with vectors. */
void edgeq_lookup_a8__rvv(const edgeq_lookup_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* int8 to int16 by a table of 256 results. */
typedef struct {
  int32_t count;        /* elements; > 0 */
  const int16_t *table; /* [256]: results for 0..127, then for -128..-1. Constant, owned by the caller */
} edgeq_lookup_to16_t;

void edgeq_lookup_a8_to16__c(const edgeq_lookup_to16_t *layer, const int8_t *input, int16_t *output, void *scratch);

/* Any function of one int16, by straight lines between its results for -32768, -32640, ..., 32768. */
typedef struct {
  int32_t count;        /* elements; > 0 */
  int32_t right;        /* 7, and the bits that results have behind the point: 0 for an int16 output, 8 for int8 */
  int32_t clamp_max;    /* the output's largest integer */
  const int16_t *table; /* [513]. Constant, owned by the caller */
} edgeq_lookup_wide_t;

/* The output may overwrite the input exactly. */
void edgeq_lookup_a16_to8__c(const edgeq_lookup_wide_t *layer, const int16_t *input, int8_t *output, void *scratch);
void edgeq_lookup_a16_to16__c(const edgeq_lookup_wide_t *layer, const int16_t *input, int16_t *output, void *scratch);

/* int16 times a factor: requantization. */
typedef struct {
  int32_t count;      /* elements; > 0 */
  int32_t multiplier; /* [2^30, 2^31) or 0 */
  int32_t shift;      /* [-31, 15]; see edgeq_requantize.h */
  /* Added to the product (0 for an int16 output), which is then limited to [clamp_min, clamp_max]. */
  int32_t output_zero_point;
  int32_t clamp_min;
  int32_t clamp_max;
} edgeq_lookup_linear_t;

/* The output may overwrite the input exactly. */
void edgeq_lookup_a16_linear_to8__c(const edgeq_lookup_linear_t *layer, const int16_t *input, int8_t *output,
                                    void *scratch);
void edgeq_lookup_a16_linear_to16__c(const edgeq_lookup_linear_t *layer, const int16_t *input, int16_t *output,
                                     void *scratch);

#ifdef __cplusplus
}
#endif

#endif
