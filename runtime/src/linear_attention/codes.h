/* Where the bits of codes are found: in the signs of int8 elements, or packed (EDGEQ_PACKED), in rows of whole bytes,
 * lowest bit first. A bit that is set stands for -1. */
#ifndef EDGEQ_SRC_LINEAR_ATTENTION_CODES_H
#define EDGEQ_SRC_LINEAR_ATTENTION_CODES_H

#include <stdint.h>

/* The row that a table's bit chooses: `row`, or `step` further where the bit is set. */
static inline int32_t *choose(int32_t *row, int32_t step, uint32_t set) {
  return set ? row + step : row;
}

#if EDGEQ_PACKED

/* Bytes of a token's codes. */
static inline int32_t code_bytes(int32_t elements) {
  return (elements + 7) >> 3;
}

/* `count` bits, at most 8, from bit `first` of a token on; no byte is read that holds none of them. */
static inline uint32_t some_bits(const int8_t *codes, int32_t first, int32_t count, int32_t zero_point) {
  const uint8_t *const from = (const uint8_t *)codes + (first >> 3);
  const int32_t skip = first & 7;
  uint32_t bits = (uint32_t)from[0] >> skip;
  (void)zero_point;
  if (skip + count > 8) {
    bits |= (uint32_t)from[1] << (8 - skip);
  }
  return bits & ((1U << count) - 1);
}

/* The row of a table for `count` bits, 1 to 4. */
static inline int32_t *row_of(int32_t *table, int32_t columns, const int8_t *codes, int32_t first, int32_t count,
                              int32_t zero_point) {
  const uint32_t bits = some_bits(codes, first, count, zero_point);
  int32_t *row = choose(table, columns, bits & 1U);
  row = choose(row, 2 * columns, bits & 2U);
  row = choose(row, 4 * columns, bits & 4U);
  return choose(row, 8 * columns, bits & 8U);
}

#else

static inline int32_t code_bytes(int32_t elements) {
  return elements;
}

/* 1 where an element is below its zero point. */
static inline uint32_t below(const int8_t *element, int32_t zero_point) {
  return (uint32_t)(*element - zero_point) >> 31;
}

static inline uint32_t some_bits(const int8_t *codes, int32_t first, int32_t count, int32_t zero_point) {
  uint32_t bits = 0;
  for (int32_t r = 0; r < count; r++) {
    bits |= below(codes + first + r, zero_point) << r;
  }
  return bits;
}

static inline int32_t *row_of(int32_t *table, int32_t columns, const int8_t *codes, int32_t first, int32_t count,
                              int32_t zero_point) {
  const int8_t *const elements = codes + first;
  int32_t *row = choose(table, columns, elements[0] < zero_point);
  row = count < 2 ? row : choose(row, 2 * columns, elements[1] < zero_point);
  row = count < 3 ? row : choose(row, 4 * columns, elements[2] < zero_point);
  return count < 4 ? row : choose(row, 8 * columns, elements[3] < zero_point);
}

#endif

#endif
