/* Fully connected layer of any shape.
 *
 * Output by output; weights [o][i]. Small rather than fast: the inner loop has two loads, multiply, add, count and
 * branch per MAC: 7, 5 and 7 instructions on Cortex-M0+, M3 and RV32IMC.
 */
#include "edgeq/edgeq_dense.h"

#include "edgeq/edgeq_requantize.h"

void edgeq_dense_a8_w8__c(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  (void)scratch;
  for (int32_t row = 0; row < layer->rows; row++) {
    const int8_t *weights = layer->weights;
    for (int32_t o = 0; o < layer->out_c; o++) {
      int32_t sum = layer->bias[o];
      for (int32_t i = 0; i < layer->in_c; i++) {
        sum += input[i] * *weights++;
      }
      const int32_t scaled = edgeq_requantize_once(sum, layer->multiplier[o], layer->shift[o]);
      *output++ = edgeq_output(scaled, layer->output_zero_point, layer->clamp_min, layer->clamp_max);
    }
    input += layer->in_c;
  }
}
