/* Nearest-neighbour resizing of any shape. A row that repeats the one before is copied whole. */
#include "edgeq/edgeq_resize_nearest.h"

#include <string.h>

void edgeq_resize_nearest_a8__c(const edgeq_resize_nearest_t *layer, const int8_t *input, int8_t *output,
                                void *scratch) {
  const int32_t pixel = layer->pixel;
  const int32_t row_bytes = layer->out_w * pixel;
  (void)scratch;
  for (int32_t y = 0; y < layer->out_h; y++) {
    if (y > 0 && layer->rows[y] == layer->rows[y - 1]) {
      memcpy(output, output - row_bytes, (size_t)row_bytes);
      output += row_bytes;
      continue;
    }
    const int8_t *row = input + layer->rows[y] * layer->in_w * pixel;
    for (int32_t x = 0; x < layer->out_w; x++) {
      memcpy(output, row + layer->columns[x] * pixel, (size_t)pixel);
      output += pixel;
    }
  }
}
