/* GroupNorm and InstanceNorm of any shape.
 *
 * Cost: two passes, about 55 instructions per element, 20 per pixel and group, and 150 per group for
 * 1 / sqrt(W); the two long products per element limit it. */
#include "edgeq/edgeq_group_norm.h"

#include "edgeq/edgeq_inverse_root.h"
#include "edgeq/edgeq_requantize.h"

/* What makes numbers of a group outputs: d = columns * q - sum, shifted, times root. */
typedef struct {
  int32_t sum;
  int32_t left;
  int32_t root;
} edgeq_group_t;

static edgeq_group_t measured(const edgeq_group_norm_t *layer, const int8_t *input) {
  const int32_t channels = layer->groups * layer->width;
  const int32_t columns = layer->pixels * layer->width;
  const uint64_t epsilon = ((uint64_t)(uint32_t)layer->epsilon_high << 31) + (uint32_t)layer->epsilon_low;
  const uint64_t least = (uint64_t)1 << (2 * layer->spare); /* where W is less, d is 0 */
  uint32_t squares = 0;                                     /* at most 2^14 * 2^14 */
  edgeq_group_t group = {0, 14 + layer->spare - layer->headroom, 0};
  for (int32_t p = 0; p < layer->pixels; p++) {
    for (int32_t c = 0; c < layer->width; c++) {
      const int32_t q = input[c];
      group.sum += q;
      squares += (uint32_t)(q * q);
    }
    input += channels;
  }
  uint64_t wide = (uint64_t)squares * (uint32_t)columns - (uint64_t)((int64_t)group.sum * group.sum);
  wide = (wide << (2 * layer->spare)) + epsilon;
  wide = wide < least ? least : wide;
  for (; wide >= ((uint64_t)1 << 32); group.left--) {
    wide >>= 2;
  }
  for (; wide < (1U << 30); group.left++) {
    wide <<= 2;
  }
  group.root = edgeq_inverse_root((uint32_t)wide);
  return group;
}

void edgeq_group_norm_a8__c(const edgeq_group_norm_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t channels = layer->groups * layer->width;
  const int32_t columns = layer->pixels * layer->width;
  (void)scratch;
  for (int32_t first = 0; first < channels; first += layer->width) {
    const edgeq_group_t group = measured(layer, input + first);
    for (int32_t p = 0; p < layer->pixels; p++) {
      for (int32_t c = first; c < first + layer->width; c++) {
        const int32_t d = columns * input[p * channels + c] - group.sum;
        const int32_t scaled = group.left >= 0 ? (int32_t)((uint32_t)d << group.left) : d >> -group.left;
        const int32_t normal = edgeq_norm_multiply(scaled, group.root);
        const int32_t gain = layer->multipliers[c];
        const int32_t product = gain < 0 ? -edgeq_norm_multiply(normal, -gain) : edgeq_norm_multiply(normal, gain);
        const int32_t y = (product + layer->offsets[c] + (1 << (layer->fraction - 1))) >> layer->fraction;
        output[p * channels + c] = edgeq_output(y, layer->output_zero_point, INT8_MIN, INT8_MAX);
      }
    }
  }
}
