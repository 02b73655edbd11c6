/* From sums to small integers, and small integers in packed rows: what the kernels of layers that end in thresholds
 * share. docs/architecture.md, section 8, and docs/spec.md.
 *
 * Packed rows start on a byte; element i of b bits is at bit (i * b) % 8 of byte (i * b) / 8. b is 1, 2, 4 or 8. */
#ifndef EDGEQ_LEVELS_H
#define EDGEQ_LEVELS_H

#include <stdint.h>

#include "edgeq/edgeq_compiler.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Fields that the descriptors of these layers have after the shape:
 *
 *   int32_t input_zero_point;   the integer that padding holds
 *   int32_t threshold_count;    thresholds per output channel, >= 0; 0: outputs are the int32 sums themselves
 *   int32_t threshold_stride;   threshold_count, or 0 where one row of thresholds serves all channels
 *   int32_t threshold_bytes;    2 or 4: thresholds are int16_t or int32_t
 *   int32_t input_bits;         of one input element in memory: 1, 2, 4 or 8
 *   int32_t input_kind;         EDGEQ_UNSIGNED, EDGEQ_TWOS_COMPLEMENT or EDGEQ_BIPOLAR
 *   int32_t output_bits;        of one output element: 1, 2, 4 or 8; 32 for sums
 *   int32_t output_code;        of an output whose sum + bias is below all thresholds
 *   int32_t output_step;        what each threshold <= sum + bias adds to the code
 *   const void *weights;        as the kernel's row says
 *   const int32_t *bias;        [out_c], or null when all are 0
 *   const void *thresholds;     [out_c or 1][threshold_count], each row ascending; null for sums
 */
enum { EDGEQ_UNSIGNED = 0, EDGEQ_TWOS_COMPLEMENT = 1, EDGEQ_BIPOLAR = 2 };

/* Bytes of a packed row of `elements` elements of `bits` bits. */
static inline int32_t edgeq_row_bytes(int32_t elements, int32_t bits) {
  return (elements * bits + 7) >> 3;
}

/* Element i of a packed row. Bipolar: a set bit is -1. */
static inline int32_t edgeq_row_element(const uint8_t *row, int32_t i, int32_t bits, int32_t kind) {
  const uint32_t position = (uint32_t)(i * bits);
  const uint32_t mask = 0xFFU >> (8 - bits);
  const uint32_t code = ((uint32_t)row[position >> 3] >> (position & 7U)) & mask;
  const uint32_t sign = kind == EDGEQ_UNSIGNED ? 0U : 1U << (bits - 1);
  if (kind == EDGEQ_BIPOLAR)
    return 1 - 2 * (int32_t)code;
  return (int32_t)(code ^ sign) - (int32_t)sign;
}

/* How many of the `count` thresholds of a channel are <= sum, by bisection; `first` is the index of the channel's first
 * one. */
static inline int32_t edgeq_level_count(const void *thresholds, int32_t bytes, int32_t first, int32_t count,
                                        int32_t sum) {
  const int16_t *const narrow = (const int16_t *)thresholds;
  const int32_t *const wide = (const int32_t *)thresholds;
  int32_t low = first, high = first + count;
  while (low < high) {
    const int32_t middle = (low + high) >> 1;
    if ((bytes == 2 ? narrow[middle] : wide[middle]) <= sum) {
      low = middle + 1;
    } else {
      high = middle;
    }
    EDGEQ_FENCE(low); /* compilers would copy the loop for each width, in each kernel */
  }
  return low - first;
}

/* Writes one element after another into packed rows. */
typedef struct {
  uint8_t *next;    /* the byte that `pending` will fill */
  uint32_t pending; /* the bits gathered so far, the others 0 */
  int32_t used;     /* how many */
  int32_t bits;     /* of one element: 1, 2, 4 or 8 */
} edgeq_row_writer_t;

static inline void edgeq_row_write(edgeq_row_writer_t *writer, int32_t code) {
  writer->pending |= ((uint32_t)code & (0xFFU >> (8 - writer->bits))) << writer->used;
  writer->used += writer->bits;
  if (writer->used == 8) {
    *writer->next++ = (uint8_t)writer->pending;
    writer->pending = 0;
    writer->used = 0;
  }
}

/* Ends a row: what is left of its last byte is 0. */
static inline void edgeq_row_end(edgeq_row_writer_t *writer) {
  if (writer->used > 0) {
    *writer->next++ = (uint8_t)writer->pending;
    writer->pending = 0;
    writer->used = 0;
  }
}

/* bias + total of channel o of a layer with the fields above. A macro, as those below: the descriptors differ in their
 * shapes only. */
#define EDGEQ_LEVELS_SUM(layer, o, total) ((total) + ((layer)->bias ? (layer)->bias[o] : 0))

/* The code of an output of channel o whose sum, bias included, is `sum`; bits above output_bits may be set. */
#define EDGEQ_LEVELS_CODE(layer, o, sum)                                                                          \
  ((layer)->output_code + (layer)->output_step * edgeq_level_count((layer)->thresholds, (layer)->threshold_bytes, \
                                                                   (o) * (layer)->threshold_stride,               \
                                                                   (layer)->threshold_count, (sum)))

/* Finishes channel o of a layer with the fields above: bias, thresholds, store. `sums` is the next output of a layer
 * that gives sums, `writer` the place of any other. `layer` is a variable; the fence makes its fields look changeable,
 * so that compilers do not copy the loops around for every kind of layer. */
#define EDGEQ_LEVELS_STORE(layer, o, total, sums, writer)                \
  do {                                                                   \
    int32_t edgeq_sum;                                                   \
    EDGEQ_FENCE(layer);                                                  \
    edgeq_sum = EDGEQ_LEVELS_SUM(layer, o, total);                       \
    if ((layer)->output_bits == 32) {                                    \
      *(sums)++ = edgeq_sum;                                             \
    } else {                                                             \
      edgeq_row_write((writer), EDGEQ_LEVELS_CODE(layer, o, edgeq_sum)); \
    }                                                                    \
  } while (0)

/* The same in any order of outputs: channel o of the pixel at `pixel`, whose bytes were 0 before its first channel. */
#define EDGEQ_LEVELS_PLACE(layer, o, total, pixel)                                               \
  do {                                                                                           \
    int32_t edgeq_sum;                                                                           \
    EDGEQ_FENCE(layer);                                                                          \
    edgeq_sum = EDGEQ_LEVELS_SUM(layer, o, total);                                               \
    if ((layer)->output_bits == 32) {                                                            \
      ((int32_t *)(void *)(pixel))[o] = edgeq_sum;                                               \
    } else {                                                                                     \
      const uint32_t edgeq_position = (uint32_t)((o) * (layer)->output_bits);                    \
      const uint32_t edgeq_mask = 0xFFU >> (8 - (layer)->output_bits);                           \
      const uint32_t edgeq_code = (uint32_t)EDGEQ_LEVELS_CODE(layer, o, edgeq_sum) & edgeq_mask; \
      uint8_t *const edgeq_byte = (pixel) + (edgeq_position >> 3);                               \
      *edgeq_byte = (uint8_t)(*edgeq_byte | edgeq_code << (edgeq_position & 7U));                \
    }                                                                                            \
  } while (0)

#ifdef __cplusplus
}
#endif

#endif
