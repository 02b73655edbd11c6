/* Position of the largest value along one axis, int8 [outer][reduce][inner] -> int32 [outer][inner].
 *
 *   output[o][i] = the smallest r for which input[o][r][i] is largest
 *
 * Input and output must not overlap. No scratch.
 */
#ifndef EDGEQ_ARGMAX_H
#define EDGEQ_ARGMAX_H

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
} edgeq_argmax_t;

/* Any shape. output: aligned to 4. */
void edgeq_argmax_a8__c(const edgeq_argmax_t *layer, const int8_t *input, int32_t *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
