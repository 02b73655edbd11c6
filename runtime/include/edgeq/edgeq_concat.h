/* Tensors joined along one axis: [outer][chunk i] of every input -> [outer][total].
 *
 * All have one quantization and must not overlap. No scratch.
 *
 * The call site passes the inputs as one array of `count` pointers, in the order of the operator's inputs; the array
 * may be on the stack.
 */
#ifndef EDGEQ_CONCAT_H
#define EDGEQ_CONCAT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef struct {
  int32_t outer;         /* > 0 */
  int32_t total;         /* sum of the chunks */
  int32_t count;         /* inputs; > 0 */
  const int32_t *chunks; /* [count]: bytes of each input per turn of the outer loop. Constant, owned by the caller */
} edgeq_concat_t;

/* Any shape. inputs: [count]. */
void edgeq_concat_a8__c(const edgeq_concat_t *layer, const int8_t *const *inputs, int8_t *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
