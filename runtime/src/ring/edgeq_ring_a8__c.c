/* A ring of any shape.
 *
 * Cost: a call of memcpy per part of one frame, however many frames there are. */
#include "edgeq/edgeq_ring.h"

#include <string.h>

void edgeq_ring_a8__c(const edgeq_ring_t *layer, const int8_t *input, const int32_t *position, int8_t *ring,
                      void *scratch) {
  const int32_t slot = *position < layer->frames ? *position : *position - layer->frames;
  int8_t *to = ring + slot * layer->parts * layer->part_bytes;
  (void)scratch;
  for (int32_t part = 0; part < layer->parts; part++) {
    memcpy(to + part * layer->part_bytes, input + layer->start + part * layer->stride, (size_t)layer->part_bytes);
  }
}
