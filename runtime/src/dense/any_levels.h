/* Dense layers with levels, any activations, any weights: the body of edgeq_dense_ax_<weights>_levels__c.
 *
 * The including file defines EDGEQ_KERNEL, EDGEQ_WEIGHT(row, i) and EDGEQ_WEIGHT_BITS. Element by element, for shapes
 * and formats that have no kernel of their own: 20 to 30 instructions per MAC, most of them to find the fields. */
#include "edgeq/edgeq_dense_levels.h"
#include "edgeq/edgeq_levels.h"

void EDGEQ_KERNEL(const edgeq_dense_levels_t *layer, const void *input, void *output, void *scratch) {
  const uint8_t *row = (const uint8_t *)input;
  edgeq_row_writer_t writer = {(uint8_t *)output, 0, 0, layer->output_bits};
  int32_t *sums = (int32_t *)output;
  (void)scratch;
  for (int32_t r = 0; r < layer->rows; r++) {
    const uint8_t *weights = (const uint8_t *)layer->weights;
    for (int32_t o = 0; o < layer->out_c; o++) {
      int32_t sum = 0;
      for (int32_t i = 0; i < layer->in_c; i++) {
        sum += edgeq_row_element(row, i, layer->input_bits, layer->input_kind) * EDGEQ_WEIGHT(weights, (uint32_t)i);
      }
      EDGEQ_LEVELS_STORE(layer, o, sum, sums, &writer);
      weights += edgeq_row_bytes(layer->in_c, EDGEQ_WEIGHT_BITS);
    }
    edgeq_row_end(&writer);
    row += edgeq_row_bytes(layer->in_c, layer->input_bits);
  }
}
