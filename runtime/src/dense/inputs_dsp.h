/* Walks the rows of a dense layer: expands their inputs to 16-bit values on the stack, EDGEQ_INPUTS_TAPS at a time, and
 * calls the kernel's assembly for blocks of outputs. When a row is longer, the sums of EDGEQ_INPUTS_OUTPUTS outputs
 * wait on the stack too. Every four taps are two words, taps 0 and 2, then taps 1 and 3 (what SXTB16 makes of four
 * bytes).
 *
 * A kernel defines, before including this file,
 *   EDGEQ_INPUTS_TAP_BYTES  bytes of a block's weights per tap
 *   EDGEQ_INPUTS_EXCESS     what its weights have been made larger by; 0 when nothing
 * and, after it, calls edgeq_for_each_row from its entry. Blocks have 4 outputs, taps are filled up to a multiple of 8.
 */
#include "edgeq/edgeq_dense.h"
#include "edgeq/edgeq_dsp.h"

#define EDGEQ_INPUTS_TAPS 128   /* a multiple of 16 */
#define EDGEQ_INPUTS_OUTPUTS 64 /* a multiple of 4 */

typedef struct {
  const int8_t *weights;
  const uint32_t *inputs, *inputs_end;
  const int32_t *sums, *sums_end; /* 4 per block */
  int32_t weights_step;           /* bytes from the end of a block's weights to the next one's */
  int32_t *sums_output;           /* where sums go that wait for more taps; null: requantize and store */
  const int32_t *table;           /* 8 words per block */
  int8_t *output;
  int32_t zero_point;
  int32_t excess; /* EDGEQ_INPUTS_EXCESS times the sum of the row's inputs */
} edgeq_blocks_t;

/* Adds up, or requantizes and stores, all blocks. */
typedef void edgeq_blocks_function(const edgeq_blocks_t *blocks);

#define EDGEQ_INPUTS_PUT(i)                  \
  do {                                       \
    const uint32_t word = from[i].value;     \
    to[2 * (i)] = edgeq_even_bytes(word);    \
    to[2 * (i) + 1] = edgeq_odd_bytes(word); \
  } while (0)

/* `count` inputs, a multiple of 8, from tap `first` of a row of `in_c` on; those beyond its end meet weights of 0. */
static inline void edgeq_inputs_expand(uint32_t *to, const int8_t *row, int32_t first, int32_t count, int32_t in_c) {
  const edgeq_unaligned_t *from = (const edgeq_unaligned_t *)(const void *)(row + first);
  const int32_t whole = first + count < in_c ? count : in_c - first;
  int32_t tap = 0;
  for (; tap <= whole - 16; tap += 16, from += 4, to += 8) {
    EDGEQ_INPUTS_PUT(0);
    EDGEQ_INPUTS_PUT(1);
    EDGEQ_INPUTS_PUT(2);
    EDGEQ_INPUTS_PUT(3);
  }
  for (; tap <= whole - 4; tap += 4, from++, to += 2) {
    EDGEQ_INPUTS_PUT(0);
  }
  for (; tap < count; tap += 4, to += 2) {
    uint32_t word = 0;
    for (int32_t i = 0; i < 4 && tap + i < whole; i++) {
      word |= (uint32_t)(uint8_t)row[first + tap + i] << (8 * i);
    }
    to[0] = edgeq_even_bytes(word);
    to[1] = edgeq_odd_bytes(word);
  }
}

/* The sum of `count` inputs. */
static inline int32_t edgeq_inputs_sum(const int8_t *row, int32_t count) {
  int32_t sum = 0;
  const edgeq_unaligned_t *word = (const edgeq_unaligned_t *)(const void *)row;
  for (; count >= 8; count -= 8, word += 2) {
    sum = edgeq_add_halves(sum, edgeq_even_bytes(word[0].value));
    sum = edgeq_add_halves(sum, edgeq_odd_bytes(word[0].value));
    sum = edgeq_add_halves(sum, edgeq_even_bytes(word[1].value));
    sum = edgeq_add_halves(sum, edgeq_odd_bytes(word[1].value));
  }
  row = (const int8_t *)word;
  for (; count > 0; count--) {
    sum += *row++;
  }
  return sum;
}

/* Outputs [first, first + count) of one row; blocks that are not full have room to be stored whole. */
static inline void edgeq_inputs_outputs(const edgeq_dense_t *layer, const int8_t *row, int32_t excess, int32_t first,
                                        int32_t count, int8_t *output, edgeq_blocks_function *sum_blocks) {
  uint32_t inputs[EDGEQ_INPUTS_TAPS / 2];
  int32_t waiting[EDGEQ_INPUTS_OUTPUTS];
  const int32_t taps = (layer->in_c + 7) & ~7;
  edgeq_blocks_t blocks = {
      0,     inputs, 0, layer->bias + first, 0, 0, 0, layer->multiplier + 2 * first, output, layer->output_zero_point,
      excess};
  for (int32_t tap = 0; tap < taps; tap += EDGEQ_INPUTS_TAPS) {
    const int32_t here = tap + EDGEQ_INPUTS_TAPS < taps ? EDGEQ_INPUTS_TAPS : taps - tap;
    edgeq_inputs_expand(inputs, row, tap, here, layer->in_c);
    blocks.weights = layer->weights + (first / 4 * taps + tap) * EDGEQ_INPUTS_TAP_BYTES;
    blocks.weights_step = EDGEQ_INPUTS_TAP_BYTES * (taps - here);
    blocks.inputs_end = inputs + here / 2;
    blocks.sums_end = blocks.sums + ((count + 3) & ~3);
    blocks.sums_output = tap + here == taps ? 0 : waiting;
    sum_blocks(&blocks);
    blocks.sums = waiting;
  }
}

static inline void edgeq_for_each_row(const edgeq_dense_t *layer, const int8_t *input, int8_t *output,
                                      edgeq_blocks_function *sum_blocks) {
  const int32_t in_c = layer->in_c, out_c = layer->out_c, full = out_c & ~3;
  const int32_t most = in_c <= EDGEQ_INPUTS_TAPS ? full : EDGEQ_INPUTS_OUTPUTS;
  for (int32_t row = 0; row < layer->rows; row++) {
    const int32_t excess = EDGEQ_INPUTS_EXCESS == 0 ? 0 : EDGEQ_INPUTS_EXCESS * edgeq_inputs_sum(input, in_c);
    for (int32_t first = 0; first < full; first += most) {
      const int32_t count = full - first < most ? full - first : most;
      edgeq_inputs_outputs(layer, input, excess, first, count, output + first, sum_blocks);
    }
    if (full != out_c) {
      int8_t last[4];
      edgeq_inputs_outputs(layer, input, excess, full, out_c - full, last, sum_blocks);
      for (int32_t o = full; o < out_c; o++) {
        output[o] = last[o - full];
      }
    }
    edgeq_clamp_bytes(output, out_c, layer->clamp_min, layer->clamp_max);
    input += in_c;
    output += out_c;
  }
}
