/* From lists of inputs to outputs, for kernels that sum weights in bit-slices (edgeq_bit_slices.h).
 *
 * Thresholds: where outputs have one bit, or two and step by 1, they are compared in slices as well, and the table is
 * [block][threshold][levels] words: planes of bias - threshold of 32 channels, limited to what tells the sign of the
 * sum. Otherwise `bias` and `thresholds` are those of edgeq_levels.h. */
#ifndef EDGEQ_SLICE_LEVELS_H
#define EDGEQ_SLICE_LEVELS_H

#include <stddef.h>
#include <stdint.h>

#include "edgeq/edgeq_bit_slices.h"
#include "edgeq/edgeq_levels.h"
#include "edgeq/edgeq_slice_lists.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the outputs of a row or pixel need of their layer; the fields from edgeq_levels.h have its names. */
typedef struct {
  int32_t inputs; /* of each output */
  int32_t out_c;
  int32_t weight_planes; /* 1 to 4; the last one counts negative */
  int32_t is_binary;     /* weights are +1, or -1 where the one plane is set */
  int32_t levels;        /* planes of a sum, its sign included; at most 24 */
  const void *weights, *thresholds;
  const int32_t *bias;
  int32_t threshold_count, threshold_stride, threshold_bytes;
  int32_t output_bits, output_code, output_step;
} edgeq_slice_layer_t;

/* Planes that hold every sum and its distance to a threshold, of magnitudes up to inputs * 2^factor_bits each. The
 * converter counts the same. */
static inline int32_t edgeq_slice_levels(int32_t inputs, int32_t factor_bits) {
  int32_t levels = factor_bits + 2;
  EDGEQ_ROLLED
  for (; inputs > 0; inputs >>= 1)
    levels++;
  return levels;
}

/* Outputs of `channels` channels of a block, compared in slices; returns the end of the row so far. */
static inline uint8_t *edgeq_slice_compare(const edgeq_slice_layer_t *layer, const uint32_t *planes, int32_t block,
                                           int32_t channels, uint8_t *output) {
  const int32_t count = layer->threshold_count, levels = layer->levels;
  const uint32_t *offset = (const uint32_t *)layer->thresholds + block * count * levels;
  const uint32_t used = 0xFFFFFFFFU >> (EDGEQ_SLICE_CHANNELS - channels);
  const uint32_t code = (uint32_t)layer->output_code;
  uint32_t low = 0, high = 0;
  /* Reached thresholds are the first ones, so the second is reached where the count is 2 or 3. */
  EDGEQ_ROLLED
  for (int32_t i = 0; i < count; i++, offset += levels) {
    const uint32_t reached = ~edgeq_slice_negative(planes, levels, offset);
    low ^= reached;
    if (i == 1)
      high = reached;
  }
  high ^= (0U - (code >> 1 & 1U)) ^ (low & (0U - (code & 1U)));
  low ^= 0U - (code & 1U);
  low &= used;
  high &= used;
  EDGEQ_ROLLED
  for (; channels > 0; channels -= 8) {
    uint32_t fields = (low & 0xFFU) | (high & 0xFFU) << 16;
    low >>= 8;
    high >>= 8;
    if (layer->output_bits == 2) {
      fields = (fields | fields << 4) & 0x0F0F0F0FU;
      fields = (fields | fields << 2) & 0x33333333U;
      fields = (fields | fields << 1) & 0x55555555U;
      fields |= fields >> 15;
    }
    *output++ = (uint8_t)fields;
    if (layer->output_bits == 2 && channels > 4)
      *output++ = (uint8_t)(fields >> 8);
  }
  return output;
}

/* Outputs of `channels` channels, the first of which is `first`, from their numbers. */
static inline uint8_t *edgeq_slice_store(const edgeq_slice_layer_t *layer, const uint32_t *planes, int32_t first,
                                         int32_t channels, uint8_t *output) {
  int32_t numbers[EDGEQ_SLICE_CHANNELS];
  edgeq_row_writer_t writer = {output, 0, 0, layer->output_bits};
  int32_t *sums = (int32_t *)(void *)output;
  edgeq_slice_numbers(planes, layer->levels, numbers);
  EDGEQ_ROLLED
  for (int32_t i = 0; i < channels; i++)
    EDGEQ_LEVELS_STORE(layer, first + i, numbers[i], sums, &writer);
  edgeq_row_end(&writer);
  return layer->output_bits == 32 ? (uint8_t *)(void *)sums : writer.next;
}

/* Adds one block of weights over all lists to its planes; `unit` bytes hold its channels. */
static inline void edgeq_slice_sum(const edgeq_slice_layer_t *layer, const edgeq_slice_lists_t *lists,
                                   const uint8_t *weights, int32_t unit, uint32_t *planes) {
  const int32_t plane_bytes = (layer->inputs + 1) * unit, last = layer->weight_planes - 1;
  /* First what counts positive, then the rest, if there is any, which is added to the complement. */
  EDGEQ_ROLLED
  for (int32_t sign = 0; sign < 2; sign++) {
    if (sign) {
      if (last == 0 && !lists->has_positive)
        return;
      edgeq_slice_complement(planes, layer->levels);
    }
    EDGEQ_ROLLED
    for (const edgeq_slice_list_t *list = lists->list; list != lists->list + lists->count; list++) {
      EDGEQ_ROLLED
      for (int32_t plane = 0; plane <= last; plane++) {
        const int32_t shift = list->shift + plane + layer->is_binary;
        if ((list->negative ^ (plane == last)) != sign)
          continue;
        if (unit == 4)
          edgeq_slice_count_words(planes + shift, layer->levels - shift, weights + plane * plane_bytes, list->begin,
                                  list->end);
        else
          edgeq_slice_count_halves(planes + shift, layer->levels - shift, weights + plane * plane_bytes, list->begin,
                                   list->end);
      }
    }
  }
  edgeq_slice_complement(planes, layer->levels);
}

/* Outputs of the block whose first channel is `first`; returns the end of the row so far. */
static inline uint8_t *edgeq_slice_finish(const edgeq_slice_layer_t *layer, const uint32_t *planes, int32_t first,
                                          uint8_t *output) {
  const int32_t left = layer->out_c - first;
  const int32_t channels = left < EDGEQ_SLICE_CHANNELS ? left : EDGEQ_SLICE_CHANNELS;
  if (layer->output_bits == 1 || (layer->output_bits == 2 && layer->output_step == 1))
    return edgeq_slice_compare(layer, planes, first / EDGEQ_SLICE_CHANNELS, channels, output);
  return edgeq_slice_store(layer, planes, first, channels, output);
}

/* All outputs of a row or pixel, or what some of its inputs add to them; returns the end of the row.
 *
 * planes: EDGEQ_SLICE_PLANES words, and as many for each further block if inputs come in several parts (`step` words
 * apart, otherwise 0). is_first: of the parts, whose planes are set first; is_last: after which outputs are stored. */
static inline uint8_t *edgeq_slice_outputs(const edgeq_slice_layer_t *layer, const edgeq_slice_lists_t *lists,
                                           uint32_t *planes, int32_t step, int is_first, int is_last, uint8_t *output) {
  const uint8_t *weights = (const uint8_t *)layer->weights;
  const int32_t total = layer->is_binary ? lists->total : 0;
  EDGEQ_ROLLED
  for (int32_t first = 0; first < layer->out_c; first += EDGEQ_SLICE_CHANNELS, planes += step) {
    const int32_t left = layer->out_c - first, unit = left > 16 ? 4 : 2;
    if (is_first)
      edgeq_slice_fill(planes, layer->levels, total);
    else
      edgeq_slice_add_number(planes, layer->levels, total);
    edgeq_slice_sum(layer, lists, weights, unit, planes);
    if (is_last)
      output = edgeq_slice_finish(layer, planes, first, output);
    weights += layer->weight_planes * (layer->inputs + 1) * unit;
  }
  return output;
}

#ifdef __cplusplus
}
#endif

#endif
