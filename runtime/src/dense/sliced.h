/* Fully connected layers of small activations with small weights, 32 outputs at a time in bit-slices: the body of
 * edgeq_dense_a<activations>_w<weights>_32ch_levels__c.
 *
 * The including file defines EDGEQ_KERNEL, EDGEQ_BITS and EDGEQ_KIND of the input (edgeq_levels.h), EDGEQ_PLANES and
 * EDGEQ_BINARY of the weights (edgeq_slice_levels.h), and EDGEQ_FACTOR_BITS: |weight * input| <= 2^factor_bits, with
 * inputs of 2 for binary ones. Inputs are listed 256 at a time, so that lists of long rows take little memory; the
 * planes of all blocks of outputs are kept meanwhile. */
#include "edgeq/edgeq_dense_levels.h"
#include "edgeq/edgeq_levels.h"
#include "edgeq/edgeq_slice_levels.h"
#include "edgeq/edgeq_slice_lists.h"

enum { IS_SIGNED = EDGEQ_KIND == EDGEQ_TWOS_COMPLEMENT, DIGITS = EDGEQ_BITS == 4 ? 2 : 1, NO_DIGIT = 4, PART = 256 };

/* Lists of `inputs` inputs that start at `row`; the first one's weights are at `offset`, a word of 0 is at `zero`. */
static void list_inputs(const uint8_t *row, int32_t inputs, uint32_t offset, uint32_t zero, uint16_t *entries,
                        edgeq_slice_lists_t *lists) {
  lists->count = 0;
  lists->total = 0;
  lists->has_positive = 0;
  EDGEQ_ROLLED
  for (int32_t digit = 0; digit < DIGITS; digit++) {
    uint16_t *const end = entries + edgeq_slice_list_bytes(inputs, 1) / 2;
    edgeq_slice_cursor_t cursor = {entries, end, 0};
    if (EDGEQ_BITS == 1) {
      edgeq_slice_list_bits(&cursor, row, inputs, offset);
      edgeq_slice_end(lists, &cursor, entries, end, zero, EDGEQ_KIND == EDGEQ_BIPOLAR ? -2 : 1, 0, 0);
      continue;
    }
    const int is_top = IS_SIGNED && digit == DIGITS - 1;
    edgeq_slice_list_digits(&cursor, row, inputs, offset, EDGEQ_BITS, 2 * digit, 1, 3);
    edgeq_slice_end(lists, &cursor, entries, end, zero, 1, is_top ? -1 : 3, digit);
    if (cursor.others) {
      uint16_t *const middle = cursor.front, *const rest = cursor.back;
      edgeq_slice_list_digits(&cursor, row, inputs, offset, EDGEQ_BITS, 2 * digit, 2, NO_DIGIT);
      edgeq_slice_end(lists, &cursor, middle, rest, zero, is_top ? -2 : 2, 0, digit);
    }
    entries = end;
  }
}

void EDGEQ_KERNEL(const edgeq_dense_levels_t *layer, const void *input, void *output, void *scratch) {
  const edgeq_slice_layer_t slices = {
      .inputs = layer->in_c,
      .out_c = layer->out_c,
      .weight_planes = EDGEQ_PLANES,
      .is_binary = EDGEQ_BINARY,
      .levels = edgeq_slice_levels(layer->in_c, EDGEQ_FACTOR_BITS),
      .weights = layer->weights,
      .thresholds = layer->thresholds,
      .bias = layer->bias,
      .threshold_count = layer->threshold_count,
      .threshold_stride = layer->threshold_stride,
      .threshold_bytes = layer->threshold_bytes,
      .output_bits = layer->output_bits,
      .output_code = layer->output_code,
      .output_step = layer->output_step,
  };
  const int32_t in_c = layer->in_c, blocks = (layer->out_c + EDGEQ_SLICE_CHANNELS - 1) / EDGEQ_SLICE_CHANNELS;
  const int32_t step = in_c > PART ? EDGEQ_SLICE_PLANES : 0;
  uint32_t *const planes = (uint32_t *)scratch;
  uint16_t *const entries = (uint16_t *)(void *)(planes + (step ? step * blocks : EDGEQ_SLICE_PLANES));
  const uint8_t *row = (const uint8_t *)input;
  uint8_t *to = (uint8_t *)output;
  EDGEQ_ROLLED
  for (int32_t i = 0; i < layer->rows; i++) {
    for (int32_t first = 0; first < in_c; first += PART) {
      const int32_t left = in_c - first, inputs = left < PART ? left : PART;
      edgeq_slice_lists_t lists;
      list_inputs(row + first * EDGEQ_BITS / 8, inputs, 4U * (uint32_t)first, 4U * (uint32_t)in_c, entries, &lists);
      to = edgeq_slice_outputs(&slices, &lists, planes, step, first == 0, left <= PART, to);
    }
    row += edgeq_row_bytes(in_c, EDGEQ_BITS);
  }
}
