/* Fully connected layer by blocks of 4 outputs, for cores with 8 registers (Cortex-M0, M0+).
 *
 * Weights are packed [o / 4][i][4] as weight + 128, filled up to 4 outputs: unsigned bytes, because those load with
 * an immediate offset. What the 128s add, 128 * sum(x), is the same for all outputs of a row and taken off at the end.
 * Per input: 5 loads, 4 multiplications, 4 additions, and the loop's share.
 *
 * Measured on Cortex-M0+, inner loop / whole 640 -> 128 layer: 4.5 / 4.7 (gcc), 4.9 (clang) instructions per MAC. The
 * limit is the three instructions per MAC and a register short for the loop's end.
 */
#include "edgeq/edgeq_compiler.h"
#include "edgeq/edgeq_dense.h"
#include "edgeq/edgeq_requantize.h"

#define OUTPUTS 4

/* One product: the weight's register takes it. */
#define OUTPUT(i)           \
  do {                      \
    int32_t t = w[i];       \
    t *= v;                 \
    s##i += t;              \
    EDGEQ_FENCE_2(s##i, t); \
  } while (0)

static EDGEQ_NOINLINE const uint8_t *sum_block(const uint8_t *w, const int8_t *x, const int8_t *end,
                                               const int32_t *bias, int32_t sums[OUTPUTS]) {
  int32_t s0 = bias[0], s1 = bias[1], s2 = bias[2], s3 = bias[3];
  do {
    const int32_t v = *x++;
    OUTPUT(0);
    OUTPUT(1);
    OUTPUT(2);
    OUTPUT(3);
    w += OUTPUTS;
  } while (x != end);
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
  return w;
}

void edgeq_dense_a8_w8_4ch__c(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t low = layer->clamp_min, high = layer->clamp_max, out_c = layer->out_c;
  const int32_t zero_point = layer->output_zero_point;
  const int32_t *const bias = layer->bias;
  (void)scratch;
  for (int32_t row = 0; row < layer->rows; row++) {
    const int8_t *const row_end = input + layer->in_c;
    const uint8_t *weights = (const uint8_t *)layer->weights;
    int32_t excess = 0;
    for (const int8_t *x = input; x != row_end; x++) {
      excess += *x;
    }
    excess *= 128;
    const int32_t *multiplier = layer->multiplier;
    const int8_t *shift = layer->shift;
    for (int32_t first = 0; first < out_c; first += OUTPUTS) {
      int32_t sums[OUTPUTS];
      const int32_t end = first + OUTPUTS < out_c ? OUTPUTS : out_c - first;
      weights = sum_block(weights, input, row_end, bias + first, sums);
      for (int32_t i = 0; i < end; i++) {
        *output++ = edgeq_finish_once(sums[i] - excess, *multiplier++, *shift++, zero_point, low, high);
      }
    }
    input = row_end;
  }
}
