/* From the sums of a query to its outputs: one reciprocal, then a product per output. */
#ifndef EDGEQ_SRC_LINEAR_ATTENTION_QUOTIENT_H
#define EDGEQ_SRC_LINEAR_ATTENTION_QUOTIENT_H

#include "edgeq/edgeq_linear_attention.h"
#include "edgeq/edgeq_reciprocal.h"
#include "edgeq/edgeq_requantize.h"

/* Of one query: output = (((numerator << left) * factor / 2^30 + half) >> right) + zero_point. The layer's fields are
 * copies, because any int8_t that is written might be one of the layer's. */
typedef struct {
  int32_t factor;
  int32_t left;
  int32_t half;
  int32_t right;
  int32_t zero_point;
} edgeq_quotient_t;

/* denominator: (0, 2^19). */
static inline edgeq_quotient_t edgeq_quotient(const edgeq_linear_attention_t *layer, int32_t denominator) {
  uint32_t normal = (uint32_t)denominator << 12;
  int32_t left = 0;
  for (int32_t step = 16; step > 0; step >>= 1) {
    if (normal >> (32 - step) == 0) {
      normal <<= step;
      left += step;
    }
  }
  const int32_t reciprocal = edgeq_reciprocal_of_one_plus(normal & 0x7fffffffU);
  const edgeq_quotient_t quotient = {edgeq_high_multiply(reciprocal, layer->multiplier), left, layer->half,
                                     layer->right, layer->output_zero_point};
  return quotient;
}

static inline int8_t edgeq_quotient_output(edgeq_quotient_t quotient, int32_t numerator) {
  const int32_t scaled = (int32_t)((uint32_t)numerator << quotient.left);
  const int32_t y = (edgeq_multiply_floor(scaled, quotient.factor) + quotient.half) >> quotient.right;
  return (int8_t)edgeq_clamp(y + quotient.zero_point, INT8_MIN, INT8_MAX);
}

#endif
