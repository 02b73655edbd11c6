/* 1 / sqrt in 32-bit fixed point, for normalizations. edgeq/ops/layer_norm.py has its twin. */
#ifndef EDGEQ_INVERSE_ROOT_H
#define EDGEQ_INVERSE_ROOT_H

#include <stdint.h>

#include "edgeq/edgeq_requantize.h"

#ifdef __cplusplus
extern "C" {
#endif

/* x * y / 2^31, half up. One call site for the compiler to share: the product is long where the core has no wide
 * multiplication. */
static inline int32_t edgeq_norm_multiply(int32_t x, int32_t y) {
  return edgeq_high_multiply(x, y);
}

/* 1 / sqrt(m / 2^30) as Q0.31 for m in [2^30, 2^32). Newton's y <- y (3 - a y^2) / 2 for a = m / 2^30, from
 * 1.1 - 0.16 a. */
static inline int32_t edgeq_inverse_root(uint32_t m) {
  const int32_t quarter = (int32_t)(m >> 1);
  int32_t y = (int32_t)(2362232013U - (uint32_t)edgeq_norm_multiply(quarter, 1374389536));
  for (int32_t i = 0; i < 4; i++) {
    const int32_t error = (3 << 29) - edgeq_norm_multiply(quarter, edgeq_norm_multiply(y, y));
    const int32_t half = edgeq_norm_multiply(y, error);
    y = half >= (1 << 30) ? INT32_MAX : half * 2;
  }
  return y;
}

#ifdef __cplusplus
}
#endif

#endif
