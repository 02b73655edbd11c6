/* Whole rows of small weights as int8, for kernels that read each of them more than once.
 *
 * row: packed as docs/spec.md says; count > 0 elements; values: room for `count` rounded up to a multiple of 8
 * (wt5: of 5). All return the byte behind the row. */
#ifndef EDGEQ_UNPACK_ROWS_H
#define EDGEQ_UNPACK_ROWS_H

#include <stdint.h>

#include "edgeq/edgeq_compiler.h"

#ifdef __cplusplus
extern "C" {
#endif

/* 1 bit: +1, or -1 for a set bit. */
static inline const uint8_t *edgeq_unpack_row_w1(const uint8_t *row, int32_t count, int8_t *values) {
  for (int32_t i = 0; i < count; i += 8) {
    uint32_t bits = (uint32_t)*row++ << 1;
    for (int32_t k = 0; k < 8; k++, bits >>= 1) {
      *values++ = (int8_t)(1 - (int32_t)(bits & 2U));
      EDGEQ_FENCE(bits); /* a loop is enough: compilers would write it out */
    }
  }
  return row;
}

/* 2 bits, two's complement. */
static inline const uint8_t *edgeq_unpack_row_w2(const uint8_t *row, int32_t count, int8_t *values) {
  for (int32_t i = 0; i < count; i += 4) {
    uint32_t fields = *row++;
    for (int32_t k = 0; k < 4; k++, fields >>= 2) {
      *values++ = (int8_t)((int32_t)((fields & 3U) ^ 2U) - 2);
      EDGEQ_FENCE(fields);
    }
  }
  return row;
}

/* 4 bits, two's complement. */
static inline const uint8_t *edgeq_unpack_row_w4(const uint8_t *row, int32_t count, int8_t *values) {
  for (int32_t i = 0; i < count; i += 2) {
    const uint32_t fields = *row++;
    *values++ = (int8_t)((int32_t)((fields & 15U) ^ 8U) - 8);
    *values++ = (int8_t)((int32_t)((fields >> 4) ^ 8U) - 8);
  }
  return row;
}

/* Base 3, five digits per byte. b * 171 >> 9 is b / 3 for every byte. */
static inline const uint8_t *edgeq_unpack_row_wt5(const uint8_t *row, int32_t count, int8_t *values) {
  for (int32_t i = 0; i < count; i += 5) {
    uint32_t digits = *row++;
    for (int32_t k = 0; k < 5; k++) {
      const uint32_t rest = digits * 171U >> 9;
      *values++ = (int8_t)((int32_t)(digits - 3 * rest) - 1);
      digits = rest;
    }
  }
  return row;
}

#ifdef __cplusplus
}
#endif

#endif
