/* Rotary positions of any shape.
 *
 * Cost: about 35 instructions per pair and position for sine and cosine, 45 per pair of every head for the products and
 * two requantizations. */
#include "edgeq/edgeq_requantize.h"
#include "edgeq/edgeq_rotary.h"

/* One place for the compiler to share. */
static int8_t output_of(const edgeq_rotary_t *layer, int32_t sum) {
  return edgeq_output(edgeq_requantize(sum, layer->multiplier, layer->shift), layer->output_zero_point, -128, 127);
}

void edgeq_rotary_a8__c(const edgeq_rotary_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t depth = 2 * layer->pairs;
  const int32_t stride = layer->positions * layer->between * depth; /* of `before` */
  const int32_t zero = layer->input_zero_point;
  uint32_t position = layer->stateful ? *(uint32_t *)scratch : 0;
  for (int32_t p = 0; p < layer->positions; p++, position++) {
    for (int32_t i = 0; i < layer->pairs; i++) {
      const uint32_t phase = position * layer->steps[i];
      const int32_t sin = edgeq_sine(layer->sine, phase);
      const int32_t cos = edgeq_sine(layer->sine, phase + ((uint32_t)1 << 30));
      for (int32_t o = 0; o < layer->before; o++) {
        int32_t at = o * stride + p * layer->between * depth + i * layer->next;
        for (int32_t h = 0; h < layer->between; h++, at += depth) {
          const int32_t a = input[at] - zero;
          const int32_t b = input[at + layer->partner] - zero;
          output[at] = output_of(layer, a * cos - b * sin);
          output[at + layer->partner] = output_of(layer, a * sin + b * cos);
        }
      }
    }
  }
  if (layer->stateful) {
    *(uint32_t *)scratch = position;
  }
}
