/* Lists of the inputs that have a value, for kernels that sum weights in bit-slices (edgeq_bit_slices.h).
 *
 * Inputs are split into digits of two bits (or one): digit d of an input counts 4^d. A digit has up to three values
 * besides 0, and each gets its list of byte offsets, 4 * the input's index, filled up with the offset of a word of 0 to
 * a multiple of 16. Of binary inputs (+1 and -1) only those that are -1 are listed: the sum over all inputs of
 * weight * input is that of all weights, which the converter puts into the bias, minus twice that of the list. Taps
 * outside of the image, which count nothing, are listed too, and their weights are taken away once. */
#ifndef EDGEQ_SLICE_LISTS_H
#define EDGEQ_SLICE_LISTS_H

#include <stdint.h>

#include "edgeq/edgeq_bit_slices.h"
#include "edgeq/edgeq_levels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Two digits with three values each, of which 3 = 1 + 2 is listed twice. */
enum { EDGEQ_SLICE_LISTS = 8 };

typedef struct {
  const uint16_t *begin, *end;
  int32_t shift;    /* an entry counts 2^shift times its weight */
  int32_t negative; /* 1: minus that */
} edgeq_slice_list_t;

typedef struct {
  edgeq_slice_list_t list[EDGEQ_SLICE_LISTS];
  int32_t count;
  int32_t total;        /* what all entries would count with weights of 1 */
  int32_t has_positive; /* some list counts positive */
} edgeq_slice_lists_t;

/* Two lists that grow towards each other. */
typedef struct {
  uint16_t *front, *back; /* where the next entry goes; below which it goes */
  int32_t others;         /* inputs that are neither 0 nor on a list */
} edgeq_slice_cursor_t;

/* Bytes of scratch for lists of `inputs` inputs of `bits` bits: entries, and what fills up three lists. */
static inline int32_t edgeq_slice_list_bytes(int32_t inputs, int32_t bits) {
  return (bits == 4 ? 2 : 1) * 2 * (inputs + 3 * (EDGEQ_SLICE_STEP - 1));
}

/* Lists the set bits of a row of `count` bits, the first of which has the offset `offset`. */
static inline void edgeq_slice_list_bits(edgeq_slice_cursor_t *cursor, const uint8_t *row, int32_t count,
                                         uint32_t offset) {
  uint16_t *to = cursor->front;
  const uint8_t *const end = row + ((count + 7) >> 3);
  EDGEQ_ROLLED
  while (row != end) {
    const uint32_t bits = *row++;
    if (bits & 1U)
      *to++ = (uint16_t)offset;
    if (bits & 2U)
      *to++ = (uint16_t)(offset + 4);
    if (bits & 4U)
      *to++ = (uint16_t)(offset + 8);
    if (bits & 8U)
      *to++ = (uint16_t)(offset + 12);
    if (bits & 16U)
      *to++ = (uint16_t)(offset + 16);
    if (bits & 32U)
      *to++ = (uint16_t)(offset + 20);
    if (bits & 64U)
      *to++ = (uint16_t)(offset + 24);
    if (bits & 128U)
      *to++ = (uint16_t)(offset + 28);
    offset += 32;
  }
  cursor->front = to;
}

/* Lists the inputs of a row whose digit, `shift` bits up in their fields of `bits` bits (2 or 4), is `front` or
 * `back`. */
static inline void edgeq_slice_list_digits(edgeq_slice_cursor_t *cursor, const uint8_t *row, int32_t count,
                                           uint32_t offset, int32_t bits, int32_t shift, uint32_t front,
                                           uint32_t back) {
  edgeq_slice_cursor_t at = *cursor;
  EDGEQ_ROLLED
  for (; count > 0; count -= 8 / bits) {
    uint32_t fields = (uint32_t)*row++ >> shift;
    EDGEQ_ROLLED
    for (uint32_t place = offset; fields; place += 4, fields >>= bits) {
      const uint32_t digit = fields & 3U;
      if (digit == front)
        *at.front++ = (uint16_t)place;
      else if (digit == back)
        *--at.back = (uint16_t)place;
      else if (digit)
        at.others++;
    }
    offset += 32U / (uint32_t)bits;
  }
  *cursor = at;
}

/* Lists `count` inputs one after another. */
static inline void edgeq_slice_list_all(edgeq_slice_cursor_t *cursor, int32_t count, uint32_t offset, int to_front) {
  EDGEQ_ROLLED
  for (; count > 0; count--, offset += 4) {
    if (to_front)
      *cursor->front++ = (uint16_t)offset;
    else
      *--cursor->back = (uint16_t)offset;
  }
}

/* Appends a list whose entries count factor * 4^digit; factor: -2, -1, 1, 2 or 3. */
static inline void edgeq_slice_append(edgeq_slice_lists_t *lists, const uint16_t *begin, const uint16_t *end,
                                      int32_t factor, int32_t digit) {
  const int32_t negative = factor < 0;
  int32_t bits = negative ? -factor : factor;
  if (begin == end)
    return;
  EDGEQ_ROLLED
  for (int32_t shift = 2 * digit; bits; shift++, bits >>= 1) {
    if (bits & 1) {
      const edgeq_slice_list_t list = {begin, end, shift, negative};
      lists->list[lists->count++] = list;
    }
  }
  lists->has_positive |= !negative;
}

/* Ends both lists of a cursor that began at `begin` and `end`: counts them, fills them up with the offset `zero`, and
 * appends them with their factors. */
static inline void edgeq_slice_end(edgeq_slice_lists_t *lists, edgeq_slice_cursor_t *cursor, const uint16_t *begin,
                                   const uint16_t *end, uint32_t zero, int32_t front_factor, int32_t back_factor,
                                   int32_t digit) {
  lists->total += ((int32_t)(cursor->front - begin) * front_factor + (int32_t)(end - cursor->back) * back_factor) *
                  (1 << (2 * digit));
  EDGEQ_ROLLED
  while ((cursor->front - begin) % EDGEQ_SLICE_STEP)
    *cursor->front++ = (uint16_t)zero;
  EDGEQ_ROLLED
  while ((end - cursor->back) % EDGEQ_SLICE_STEP)
    *--cursor->back = (uint16_t)zero;
  edgeq_slice_append(lists, begin, cursor->front, front_factor, digit);
  edgeq_slice_append(lists, cursor->back, end, back_factor, digit);
}

#ifdef __cplusplus
}
#endif

#endif
