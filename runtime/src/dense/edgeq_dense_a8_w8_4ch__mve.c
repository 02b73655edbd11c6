/* Fully connected layer by blocks of 4 outputs, 16 inputs at a time, for cores with MVE.
 *
 * Weights are packed [o / 4][in_c / 16][4][16], filled up with zeros. The inner loop takes 10 instructions for 64 MACs
 * (0.16); the limit is one load of weights per 16 MACs. About 20 instructions per 4 outputs end them.
 */
#include "edgeq/edgeq_dense.h"
#include "edgeq/edgeq_mve.h"

void edgeq_dense_a8_w8_4ch__mve(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t low = layer->clamp_min, high = layer->clamp_max, zero_point = layer->output_zero_point;
  const int32_t out_c = layer->out_c, steps = (layer->in_c + 15) >> 4;
  const int32_t *const bias = layer->bias, *const multiplier = layer->multiplier;
  const int8_t *const shift = layer->shift;
  (void)scratch;
  for (int32_t row = 0; row < layer->rows; row++) {
    const int8_t *weights = layer->weights;
    for (int32_t o = 0; o < out_c; o += 4) {
      edgeq_mve_sums_t sums;
      int32x4_t x;
      weights = edgeq_mve_dot_4(input, weights, steps, bias + o, &sums);
      x = edgeq_mve_requantize_once(edgeq_mve_vector(&sums), multiplier + o, shift + o);
      edgeq_mve_store(output + o, x, zero_point, low, high, out_c - o);
    }
    input += layer->in_c;
    output += out_c;
  }
}
