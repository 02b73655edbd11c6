/* A ring in four bits of any shape.
 *
 * Cost: about 22 instructions per element of one frame, however many frames there are. */
#include "edgeq/edgeq_ring_int4.h"

static int32_t rounded(int32_t x, int32_t shift) {
  return (x + ((1 << shift) >> 1)) >> shift;
}

/* Rounding is monotonic, so that all fit where the smallest and the largest do. */
static int32_t smallest_shift(const int8_t *part, int32_t size, int32_t zero_point) {
  int32_t low = INT8_MAX;
  int32_t high = INT8_MIN;
  int32_t shift = 0;
  for (int32_t i = 0; i < size; i++) {
    low = part[i] < low ? part[i] : low;
    high = part[i] > high ? part[i] : high;
  }
  while (rounded(low - zero_point, shift) < -8 || rounded(high - zero_point, shift) > 7) {
    shift++;
  }
  return shift;
}

void edgeq_ring_int4_a8__c(const edgeq_ring_int4_t *layer, const int8_t *input, const int32_t *position, int8_t *ring,
                           void *scratch) {
  const int32_t slot = *position < layer->frames ? *position : *position - layer->frames;
  const int32_t zero = layer->zero_point;
  uint8_t *to = (uint8_t *)ring + slot * layer->parts * (1 + layer->size / 2);
  (void)scratch;
  for (int32_t p = 0; p < layer->parts; p++) {
    const int8_t *const part = input + layer->start + p * layer->stride;
    const int32_t shift = smallest_shift(part, layer->size, zero);
    *to++ = (uint8_t)shift;
    for (int32_t i = 0; i < layer->size; i += 2) {
      const int32_t first = rounded(part[i] - zero, shift) & 15;
      *to++ = (uint8_t)(first | (rounded(part[i + 1] - zero, shift) & 15) << 4);
    }
  }
}
