/* Fully connected layers of binary inputs with binary weights by words: the body of edgeq_dense_a1_w1_levels__<isa>.
 * The including file defines EDGEQ_KERNEL, and EDGEQ_COUNT_BITS if the core has such an instruction. */
#include <string.h>

#include "edgeq/edgeq_bit_words.h"
#include "edgeq/edgeq_dense_levels.h"
#include "edgeq/edgeq_levels.h"

#if defined(EDGEQ_COUNT_BITS)

#define ADD(total, i, column) total += EDGEQ_COUNT_BITS(x##i ^ weights[EDGEQ_WORD_CHANNELS * (i) + (column)])

/* Another output of one bit above those in `bits`. */
#define OUTPUT(column)                            \
  do {                                            \
    int32_t distance = thresholds[column];        \
    ADD(distance, 0, column);                     \
    ADD(distance, 1, column);                     \
    ADD(distance, 2, column);                     \
    ADD(distance, 3, column);                     \
    ADD(distance, 4, column);                     \
    ADD(distance, 5, column);                     \
    ADD(distance, 6, column);                     \
    ADD(distance, 7, column);                     \
    bits = 2 * bits + ((uint32_t)distance >> 31); \
    EDGEQ_FENCE(bits);                            \
  } while (0)

/* Outputs of one bit from eight words, which stay in registers: 4 instructions a word and channel. */
static EDGEQ_NOINLINE uint8_t *eight_words(const edgeq_dense_levels_t *layer, const uint32_t *words, uint32_t invert,
                                           uint8_t *output) {
  const uint32_t x0 = words[0], x1 = words[1], x2 = words[2], x3 = words[3];
  const uint32_t x4 = words[4], x5 = words[5], x6 = words[6], x7 = words[7];
  const uint32_t *weights = (const uint32_t *)layer->weights;
  const int16_t *thresholds = (const int16_t *)layer->thresholds;
  int32_t left = layer->out_c;
  for (; left > 0; left -= EDGEQ_WORD_CHANNELS) {
    uint32_t bits = 0;
    OUTPUT(7);
    OUTPUT(6);
    OUTPUT(5);
    OUTPUT(4);
    OUTPUT(3);
    OUTPUT(2);
    OUTPUT(1);
    OUTPUT(0);
    weights += 8 * EDGEQ_WORD_CHANNELS;
    thresholds += EDGEQ_WORD_CHANNELS;
    *output++ = (uint8_t)(bits ^ invert);
  }
  if (left < 0)
    output[-1] &= (uint8_t)(255 >> -left);
  return output;
}

#endif

/* One row of inputs in words. */
static uint8_t *row_outputs(const edgeq_dense_levels_t *layer, const uint32_t *words, int32_t count, uint8_t *output) {
  const int16_t *const thresholds = (const int16_t *)layer->thresholds;
  const uint32_t invert = layer->output_code ? 0U : ~0U;
  const int32_t out_c = layer->out_c, is_bit = layer->output_bits == 1;
  edgeq_word_rows_t rows = {words, (const uint32_t *)layer->weights, count, 1, 0, 0};
  edgeq_row_writer_t writer = {output, 0, 0, layer->output_bits};
  int32_t *sums = (int32_t *)(void *)output;
#if defined(EDGEQ_COUNT_BITS)
  if (is_bit && count == 8)
    return eight_words(layer, words, invert, output);
#endif
  for (int32_t o = 0; o < out_c; o += EDGEQ_WORD_CHANNELS) {
    int32_t matches[EDGEQ_WORD_CHANNELS] = {0, 0, 0, 0, 0, 0, 0, 0};
    if (is_bit) {
      EDGEQ_UNROLLED
      for (int32_t i = 0; i < EDGEQ_WORD_CHANNELS; i++)
        matches[i] = thresholds[o + i];
    }
    edgeq_word_matches(rows, matches);
    rows.weights += EDGEQ_WORD_CHANNELS * count;
    if (is_bit) {
      *output++ = edgeq_word_bits(matches, 0, out_c - o, invert);
      continue;
    }
    for (int32_t i = 0; i < EDGEQ_WORD_CHANNELS && o + i < out_c; i++)
      EDGEQ_LEVELS_STORE(layer, o + i, 2 * matches[i] - layer->in_c, sums, &writer);
  }
  edgeq_row_end(&writer);
  return is_bit ? output : layer->output_bits == 32 ? (uint8_t *)(void *)sums : writer.next;
}

void EDGEQ_KERNEL(const edgeq_dense_levels_t *layer, const void *input, void *output, void *scratch) {
  const int32_t row_bytes = edgeq_row_bytes(layer->in_c, 1), count = (layer->in_c + 31) >> 5;
  const uint8_t *row = (const uint8_t *)input;
  uint8_t *to = (uint8_t *)output;
  for (int32_t i = 0; i < layer->rows; i++) {
    const uint32_t *words = (const uint32_t *)(const void *)row;
    if (layer->in_c & 31) {
      uint32_t *const copy = (uint32_t *)scratch;
      copy[count - 1] = 0;
      memcpy(copy, row, (uint32_t)row_bytes);
      words = copy;
    }
    to = row_outputs(layer, words, count, to);
    row += row_bytes;
  }
}
