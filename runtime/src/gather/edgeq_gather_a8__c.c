/* Rows of a table of any shape.
 *
 * Cost: a call of memcpy per row, and a byte each where rows are no whole words. */
#include "edgeq/edgeq_gather.h"

#include <string.h>

void edgeq_gather_a8__c(const edgeq_gather_t *layer, const int8_t *table, const int32_t *places, int8_t *output,
                        void *scratch) {
  const int32_t last = layer->rows - 1;
  (void)scratch;
  for (int32_t i = 0; i < layer->count; i++) {
    const int32_t place = places[i] < 0 ? 0 : places[i] > last ? last : places[i];
    memcpy(output + i * layer->row_bytes, table + place * layer->row_bytes, (size_t)layer->row_bytes);
  }
}
