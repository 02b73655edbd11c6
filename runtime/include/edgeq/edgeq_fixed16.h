/* Sigmoid and tanh of 16-bit fixed point, as gemmlowp publishes them. edgeq/ops/fixed16.py is the twin and derives the
 * constants. Right shifts of negative numbers are arithmetic, as everywhere in this runtime. */
#ifndef EDGEQ_FIXED16_H
#define EDGEQ_FIXED16_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* x limited to 16 bits. */
static inline int32_t edgeq_saturated16(int32_t x) {
  return x > INT16_MAX ? INT16_MAX : x < INT16_MIN ? INT16_MIN : x;
}

/* a * b / 2^15, half up, saturated; both of 16 bits. */
static inline int32_t edgeq_multiply16(int32_t a, int32_t b) {
  return edgeq_saturated16((a * b + (1 << 14)) >> 15);
}

/* x / 2^right, ties away from zero; right in [1, 30]. */
static inline int32_t edgeq_round_right(int32_t x, int32_t right) {
  const int32_t mask = (int32_t)((1U << right) - 1U);
  return (x >> right) + ((x & mask) > (mask >> 1) + (x < 0) ? 1 : 0);
}

/* exp(x) for x <= 0 of 16 bits with so many before the point, as Q0.15; 0 gives the largest number. */
static inline int32_t edgeq_exp16(int32_t x, int32_t integer_bits) {
  static const int16_t factors[7] = {25520, 19875, 12055, 4435, 600, 11, 0}; /* exp(-2^k) from k = -2 on */
  const int32_t fraction_bits = 15 - integer_bits;
  const int32_t quarter = 1 << (fraction_bits - 2);
  const int32_t fraction = (x & (quarter - 1)) - quarter;
  const int32_t t = fraction * (1 << integer_bits) + (1 << 12);
  const int32_t t2 = edgeq_multiply16(t, t);
  const int32_t t3 = edgeq_multiply16(t2, t);
  const int32_t t4 = edgeq_multiply16(t2, t2);
  const int32_t tail = edgeq_multiply16(edgeq_round_right(t4, 2) + t3, 10923) + t2;
  int32_t result = edgeq_saturated16(28918 + edgeq_multiply16(t + edgeq_round_right(tail, 1), 28918));
  if (x == 0) {
    return INT16_MAX;
  }
  if (integer_bits > 5 && x < -(1 << (fraction_bits + 5))) {
    return 0;
  }
  for (int32_t k = 0; k < 7 && k - 2 < integer_bits; k++) {
    if ((fraction - x) & (1 << (fraction_bits + k - 2))) {
      result = edgeq_multiply16(result, factors[k]);
    }
  }
  return result;
}

/* 2 / (1 + x) for x in [0, 1) in Q0.15, as Q2.13. */
static inline int32_t edgeq_reciprocal16(int32_t x) {
  const int32_t half = (x + INT16_MAX + 1) >> 1;
  int32_t d = 23130 + edgeq_multiply16(half, -15420);
  for (int32_t i = 0; i < 3; i++) {
    const int32_t error = (1 << 13) - edgeq_multiply16(half, d);
    d = (int16_t)(d + edgeq_saturated16(edgeq_multiply16(d, error) * 4));
  }
  return d;
}

/* 1 / (1 + exp(-x)) of a Q3.12 number of 16 bits, as Q0.15. */
static inline int32_t edgeq_logistic16(int32_t x) {
  const int32_t size = x < 0 ? -x : x;
  const int32_t beyond = edgeq_saturated16(edgeq_reciprocal16(edgeq_exp16(-size, 3)) * 2);
  return x == 0 ? 1 << 14 : x > 0 ? beyond : INT16_MAX - beyond;
}

/* tanh of a number of 16 bits with `integer_bits` before the point, [0, 6], as Q0.15. */
static inline int32_t edgeq_tanh16(int32_t x, int32_t integer_bits) {
  const int32_t e = edgeq_exp16(x < 0 ? x : -x, integer_bits + 1);
  const int32_t size = edgeq_saturated16((edgeq_reciprocal16(e) - (1 << 13)) * 4);
  return x == 0 ? 0 : x < 0 ? -size : size;
}

#ifdef __cplusplus
}
#endif

#endif
