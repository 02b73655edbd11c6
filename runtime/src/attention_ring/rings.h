/* What a position says of rings: how many of their slots are full. */
#include "edgeq/edgeq_attention_ring.h"

static inline edgeq_attention_t edgeq_attention_now(const edgeq_attention_ring_t *layer, int32_t position) {
  edgeq_attention_t now = *layer;
  now.visible = position < layer->keys ? position + 1 : layer->keys;
  return now;
}
