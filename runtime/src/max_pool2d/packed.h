/* Maximum over windows of packed activations: the body of edgeq_max_pool2d_a<format>__c.
 *
 * The including file defines EDGEQ_KERNEL, EDGEQ_BITS of a field (1, 2 or 4) and EDGEQ_KIND (edgeq_levels.h). Fields
 * are compared where they lie, a word at a time where rows are whole words, otherwise a byte. Binary: a set bit is -1,
 * so the maximum is "and"; of 0 and 1 it is "or". Others: every second field gets room above it, and a subtraction
 * leaves a bit there where the first is not the smaller one; 23 instructions for all fields of a word. */
#include "edgeq/edgeq_compiler.h"
#include "edgeq/edgeq_levels.h"
#include "edgeq/edgeq_max_pool2d.h"

#if EDGEQ_BITS == 1

enum { SIGNS = 0 };

static inline uint32_t larger(uint32_t x, uint32_t y) {
  return EDGEQ_KIND == EDGEQ_BIPOLAR ? x & y : x | y;
}

#else

/* Every second field, the bit above each of them, and the top bit of all, which is turned over in signed fields so that
 * they compare as unsigned ones. */
#define FIELDS (EDGEQ_BITS == 2 ? 0x33333333U : 0x0F0F0F0FU)
#define ABOVE (EDGEQ_BITS == 2 ? 0x44444444U : 0x10101010U)
#define SIGNS (EDGEQ_KIND == EDGEQ_UNSIGNED ? 0U : EDGEQ_BITS == 2 ? 0xAAAAAAAAU : 0x88888888U)

static inline uint32_t larger_of_every_second(uint32_t x, uint32_t y) {
  const uint32_t not_less = ((x | ABOVE) - y) & ABOVE;
  return y ^ ((x ^ y) & (not_less - (not_less >> EDGEQ_BITS)));
}

static inline uint32_t larger(uint32_t x, uint32_t y) {
  const uint32_t even = larger_of_every_second(x & FIELDS, y & FIELDS);
  const uint32_t odd = larger_of_every_second((x >> EDGEQ_BITS) & FIELDS, (y >> EDGEQ_BITS) & FIELDS);
  return even | odd << EDGEQ_BITS;
}

#endif

/* Four bytes, or the one that `unit` says. */
static inline uint32_t load(const uint8_t *from, int32_t unit) {
  return unit == 4 ? *(const uint32_t *)(const void *)from : *from;
}

void EDGEQ_KERNEL(const edgeq_max_pool2d_t *layer, const void *input, void *output, void *scratch) {
  const int32_t row_bytes = edgeq_row_bytes(layer->in_c, EDGEQ_BITS), unit = row_bytes & 3 ? 1 : 4;
  uint8_t *to = (uint8_t *)output;
  (void)scratch;
  for (int32_t oy = 0; oy < layer->out_h; oy++) {
    const int32_t y = oy * layer->stride_h - layer->pad_top, bottom = y + layer->kernel_h;
    const int32_t first_y = y > 0 ? y : 0, end_y = bottom < layer->in_h ? bottom : layer->in_h;
    for (int32_t ox = 0; ox < layer->out_w; ox++) {
      const int32_t x = ox * layer->stride_w - layer->pad_left, right = x + layer->kernel_w;
      const int32_t first_x = x > 0 ? x : 0, end_x = right < layer->in_w ? right : layer->in_w;
      const uint8_t *const window = (const uint8_t *)input + (first_y * layer->in_w + first_x) * row_bytes;
      for (int32_t at = 0; at < row_bytes; at += unit) {
        const uint8_t *row = window + at;
        uint32_t best = load(row, unit) ^ SIGNS;
        for (int32_t ky = first_y; ky < end_y; ky++, row += layer->in_w * row_bytes) {
          const uint8_t *from = row;
          EDGEQ_ROLLED
          for (int32_t kx = first_x; kx < end_x; kx++, from += row_bytes)
            best = larger(best, load(from, unit) ^ SIGNS);
        }
        best ^= SIGNS;
        if (unit == 4)
          *(uint32_t *)(void *)to = best;
        else
          *to = (uint8_t)best;
        to += unit;
      }
    }
  }
}
