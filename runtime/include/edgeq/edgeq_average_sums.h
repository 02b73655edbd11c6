/* Averages from sums: the end of global average pooling in patches. */
#ifndef EDGEQ_AVERAGE_SUMS_H
#define EDGEQ_AVERAGE_SUMS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef struct {
  int32_t channels;    /* > 0 */
  int32_t count;       /* of values in every sum, 1 to 65536 */
  uint32_t reciprocal; /* 2^24 / count, rounded up */
  int32_t clamp_min;
  int32_t clamp_max;
} edgeq_average_sums_t;

/* output[c] = input[c] / count, halves away from zero, limited to [clamp_min, clamp_max]; |input[c]| <= 128 * count.
 * Division as in average pooling (edgeq/ops/avg_pool2d.py has the proof). No scratch. */
void edgeq_average_sums_a32__c(const edgeq_average_sums_t *layer, const int32_t *input, int8_t *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
