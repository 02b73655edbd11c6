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

#ifdef __cplusplus
}
#endif

#endif
