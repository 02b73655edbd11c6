/* 1 / x in 32-bit fixed point, without a division. edgeq/ops/fixed_exp.py is the twin in Python. */
#ifndef EDGEQ_RECIPROCAL_H
#define EDGEQ_RECIPROCAL_H

#include <stdint.h>

#include "edgeq/edgeq_requantize.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One call site for the compiler to share: the product is long where the core has no wide multiplication. */
static inline int32_t edgeq_reciprocal_product(int32_t x, int32_t y) {
  return edgeq_high_multiply(x, y);
}

/* 1 / (1 + x / 2^31) as Q0.31 for 0 <= x < 2^31. Newton-Raphson on d = (1 + x) / 2 in Q2.29, from 48/17 - 32/17 d,
 * the line that is nearest to 1 / d on [1/2, 1]. */
static inline int32_t edgeq_reciprocal_of_one_plus(uint32_t x) {
  const int32_t half = (int32_t)((x + 0x80000000U) >> 1);
  int32_t estimate = 1515870810 - edgeq_reciprocal_product(half, 1010580540);
  for (int32_t i = 0; i < 3; i++) {
    const int32_t error = (1 << 29) - edgeq_reciprocal_product(half, estimate);
    estimate += edgeq_reciprocal_product(error, estimate) * 4;
  }
  /* Twice the estimate in Q1.30 is 1 / (1 + x), at most 1, which Q0.31 does not hold. */
  return estimate >= (1 << 30) ? INT32_MAX : estimate * 2;
}

#ifdef __cplusplus
}
#endif

#endif
