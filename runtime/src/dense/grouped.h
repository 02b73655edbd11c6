/* Dense layers with weights in groups: the body of edgeq_dense_a8_<weights>g__c.
 *
 * The including file defines EDGEQ_KERNEL and, as edgeq_group_lanes.h has them, EDGEQ_GROUP_BITS, EDGEQ_GROUP_BIAS,
 * EDGEQ_GROUP_STEP, EDGEQ_GROUP_CHUNK, and EDGEQ_GROUP_PLANES: 2 when the lanes are the planes of one output. */
#include "edgeq/edgeq_dense_grouped.h"
#include "edgeq/edgeq_group_lanes.h"
#include "edgeq/edgeq_requantize.h"

static inline int8_t finish(const edgeq_dense_grouped_t *layer, int32_t o, uint32_t sum) {
  const int32_t total = (int32_t)((uint32_t)layer->bias[o] + sum);
  const int32_t scaled = edgeq_requantize_once(total, layer->multiplier[o], layer->shift[o]);
  return edgeq_output(scaled, layer->output_zero_point, layer->clamp_min, layer->clamp_max);
}

void EDGEQ_KERNEL(const edgeq_dense_grouped_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  uint32_t *const totals = (uint32_t *)scratch;
  const int32_t taps = layer->in_c;
  const int32_t group_size = layer->group_size;
  const int32_t out_c = layer->out_c;
  for (int32_t row = 0; row < layer->rows; row++) {
    edgeq_group_cursor_t cursor = {layer->weights, layer->factors};
    edgeq_group_totals(input, taps, group_size, totals);
    for (int32_t o = 0; o < out_c;) {
      uint32_t sums[EDGEQ_GROUP_LANES];
      edgeq_group_rows(&cursor, input, totals, taps, group_size, sums);
      for (int i = 0; i < EDGEQ_GROUP_LANES && o < out_c; i += EDGEQ_GROUP_PLANES, o++) {
        *output++ = finish(layer, o, EDGEQ_GROUP_PLANES == 2 ? sums[i] + sums[i + 1] : sums[i]);
      }
    }
    input += taps;
  }
}
