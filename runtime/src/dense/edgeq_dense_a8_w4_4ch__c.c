/* Fully connected layer with 4-bit weights, by blocks of 4 outputs; two products per multiplication.
 *
 * The row of inputs is spread to pairs once (see edgeq_nibble_pairs.h) and shared by all outputs. Weights are packed
 * [o / 4][i / 8][4] words of 8 codes.
 *
 * Measured, whole 256 -> 256 layer: RV32IMC 2.60 instructions per MAC (int8 3.6), Cortex-M3 1.89 (clang), 2.19 (gcc),
 * Cortex-M0+ 3.63, 3.93 (int8 4.7). The limit is four instructions for two MACs, two of them to take the weights out of
 * the word.
 */
#include "edgeq/edgeq_compiler.h"
#include "edgeq/edgeq_dense.h"
#include "edgeq/edgeq_nibble_pairs.h"
#include "edgeq/edgeq_requantize.h"

#define OUTPUTS 4

/* Outputs whose sums are made at the same time: as many as the registers hold. */
#if defined(__thumb__) && !defined(__thumb2__)
#define PASS 2
/* Two products of output i, from the words where they lie. */
#define OUTPUT(i, k)                           \
  do {                                         \
    uint32_t codes = w[i] >> (4 * (k)) & mask; \
    codes *= pair;                             \
    t##i += codes;                             \
    EDGEQ_FENCE_2(t##i, codes);                \
  } while (0)
/* 8 inputs. */
#define INPUTS   \
  do {           \
    for_pair(0); \
    for_pair(1); \
    for_pair(2); \
    for_pair(3); \
  } while (0)
#define for_pair(k)             \
  do {                          \
    const uint32_t pair = x[k]; \
    OUTPUT(0, k);               \
    OUTPUT(1, k);               \
  } while (0)
#else
#define PASS 4
/* 8 products of output i. */
#define OUTPUT(i)                      \
  do {                                 \
    const uint32_t codes = w[i];       \
    t##i += (codes & mask) * x0;       \
    EDGEQ_FENCE(t##i);                 \
    t##i += (codes >> 4 & mask) * x1;  \
    EDGEQ_FENCE(t##i);                 \
    t##i += (codes >> 8 & mask) * x2;  \
    EDGEQ_FENCE(t##i);                 \
    t##i += (codes >> 12 & mask) * x3; \
    EDGEQ_FENCE(t##i);                 \
  } while (0)
#define INPUTS                                                 \
  do {                                                         \
    const uint32_t x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3]; \
    OUTPUT(0);                                                 \
    OUTPUT(1);                                                 \
    OUTPUT(2);                                                 \
    OUTPUT(3);                                                 \
  } while (0)
#endif

/* Adds `words` packed words to the sums of PASS outputs. x: groups of a start value and the pairs of up to 32 inputs.
 */
static EDGEQ_NOINLINE void sum_block(const uint32_t *w, const uint32_t *x, int32_t words, int32_t *sums) {
  const uint32_t mask = EDGEQ_PAIRS_MASK;
  do {
    const int32_t most = words < EDGEQ_PAIRS_WORDS ? words : EDGEQ_PAIRS_WORDS;
    const uint32_t *const end = x + 1 + 4 * most;
    uint32_t t0 = *x++, t1 = t0;
#if PASS == 4
    uint32_t t2 = t0, t3 = t0;
#endif
    do {
      INPUTS;
      x += 4;
      w += OUTPUTS;
    } while (x != end);
    sums[0] += (int32_t)(t0 >> 16);
    sums[1] += (int32_t)(t1 >> 16);
#if PASS == 4
    sums[2] += (int32_t)(t2 >> 16);
    sums[3] += (int32_t)(t3 >> 16);
#endif
    words -= most;
  } while (words != 0);
}

/* Spreads a row to groups of a start value and the pairs of up to 32 inputs, filled up to 8. */
static void spread(uint32_t *to, const int8_t *from, int32_t count) {
  while (count > 0) {
    uint32_t *const start = to++;
    uint32_t total = 0;
    for (int32_t i = 0; i < EDGEQ_PAIRS_TAPS && count > 0; i += 8) {
      for (int32_t k = 0; k < 8; k += 2, count -= 2, from += 2) {
        const uint32_t low = count > 0 ? (uint32_t)from[0] : 0;
        const uint32_t high = count > 1 ? (uint32_t)from[1] : 0;
        const uint32_t pair = low + (high << 16);
        *to++ = pair;
        total += pair;
      }
    }
    *start = edgeq_pairs_start(total);
  }
}

void edgeq_dense_a8_w4_4ch__c(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t low = layer->clamp_min, high = layer->clamp_max, out_c = layer->out_c;
  const int32_t zero_point = layer->output_zero_point;
  const int32_t words = (layer->in_c + 7) >> 3;
  uint32_t *const pairs = (uint32_t *)scratch;
  for (int32_t row = 0; row < layer->rows; row++) {
    const uint32_t *weights = (const uint32_t *)(const void *)layer->weights;
    const int32_t *multiplier = layer->multiplier;
    const int8_t *shift = layer->shift;
    spread(pairs, input, layer->in_c);
    input += layer->in_c;
    for (int32_t first = 0; first < out_c; first += OUTPUTS) {
      int32_t sums[OUTPUTS];
      const int32_t end = first + OUTPUTS < out_c ? OUTPUTS : out_c - first;
      for (int32_t i = 0; i < OUTPUTS; i++) {
        sums[i] = layer->bias[first + i];
      }
      for (int32_t i = 0; i < OUTPUTS; i += PASS) {
        sum_block(weights + i, pairs, words, sums + i);
      }
      weights += OUTPUTS * words;
      for (int32_t i = 0; i < end; i++) {
        *output++ = edgeq_finish_once(sums[i], *multiplier++, *shift++, zero_point, low, high);
      }
    }
  }
}
