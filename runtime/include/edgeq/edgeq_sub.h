/* Difference of two int8 tensors with their own scales; broadcasting by strides.
 *
 *   output = clamp(requantize(scale_a(a - a_zero_point) - scale_b(b - b_zero_point)) + output_zero_point)
 *
 * Descriptor and arithmetic as in edgeq_add.h. The output may overwrite an operand of the same size exactly. No
 * scratch.
 */
#ifndef EDGEQ_SUB_H
#define EDGEQ_SUB_H

#include <stdint.h>

#include "edgeq/edgeq_add.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef edgeq_add_t edgeq_sub_t;

/* Any shape. */
void edgeq_sub_a8__c(const edgeq_sub_t *layer, const int8_t *a, const int8_t *b, int8_t *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
