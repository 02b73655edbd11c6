/* The sum of products of two int8 vectors. */
#ifndef EDGEQ_DOT_H
#define EDGEQ_DOT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* sum + a[0] * b[0] + ... + a[count - 1] * b[count - 1]; count >= 0. Two loads, a multiplication and an addition per
 * element, and a quarter of the loop. */
static inline int32_t edgeq_dot(const int8_t *a, const int8_t *b, int32_t count, int32_t sum) {
  const int8_t *const end = a + count;
  while (end - a >= 4) {
    sum += a[0] * b[0];
    sum += a[1] * b[1];
    sum += a[2] * b[2];
    sum += a[3] * b[3];
    a += 4;
    b += 4;
  }
  while (a != end) {
    sum += *a++ * *b++;
  }
  return sum;
}

#ifdef __cplusplus
}
#endif

#endif
