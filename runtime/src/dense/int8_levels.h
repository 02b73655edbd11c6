/* Dense layers with levels and int8 activations: the body of edgeq_dense_a8_<weights>_levels__c.
 *
 * The including file defines EDGEQ_KERNEL, EDGEQ_ROW_BITS, and EDGEQ_ROW(packed, count, buffer), which gives the row of
 * an output as int8: where it lies, or unpacked into scratch. A row of the output is finished before the next. */
#include "edgeq/edgeq_dense_levels.h"
#include "edgeq/edgeq_dot.h"
#include "edgeq/edgeq_levels.h"

void EDGEQ_KERNEL(const edgeq_dense_levels_t *layer, const void *input, void *output, void *scratch) {
  const int8_t *row = (const int8_t *)input;
  const int32_t weight_bytes = edgeq_row_bytes(layer->in_c, EDGEQ_ROW_BITS);
  edgeq_row_writer_t writer = {(uint8_t *)output, 0, 0, layer->output_bits};
  int32_t *sums = (int32_t *)output;
  (void)scratch;
  for (int32_t r = 0; r < layer->rows; r++) {
    const uint8_t *weights = (const uint8_t *)layer->weights;
    for (int32_t o = 0; o < layer->out_c; o++) {
      const int8_t *values = EDGEQ_ROW(weights, layer->in_c, (int8_t *)scratch);
      const int32_t sum = edgeq_dot(row, values, layer->in_c, 0);
      EDGEQ_LEVELS_STORE(layer, o, sum, sums, &writer);
      weights += weight_bytes;
    }
    edgeq_row_end(&writer);
    row += layer->in_c;
  }
}
