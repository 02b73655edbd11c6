/* Convolutions of small activations with small weights, 32 output channels at a time in bit-slices: the body of
 * edgeq_conv2d_a<activations>_w<weights>_32ch_levels__c.
 *
 * The including file defines EDGEQ_KERNEL, EDGEQ_BITS and EDGEQ_KIND of the input (edgeq_levels.h), EDGEQ_PLANES and
 * EDGEQ_BINARY of the weights (edgeq_slice_levels.h), and EDGEQ_FACTOR_BITS: |weight * input| <= 2^factor_bits, with
 * inputs of 2 for binary ones. Per pixel, the inputs of its window are listed by value; taps in the padding are listed
 * only if they hold something. */
#include "edgeq/edgeq_conv2d_levels.h"
#include "edgeq/edgeq_levels.h"
#include "edgeq/edgeq_slice_levels.h"
#include "edgeq/edgeq_slice_lists.h"

enum { IS_SIGNED = EDGEQ_KIND == EDGEQ_TWOS_COMPLEMENT, DIGITS = EDGEQ_BITS == 4 ? 2 : 1, NO_DIGIT = 4 };

/* Lists the window's inputs whose digit is `front` or `back`. */
static void list_window(const edgeq_conv2d_levels_t *layer, const uint8_t *input, int32_t top, int32_t left,
                        int32_t digit, uint32_t front, uint32_t back, edgeq_slice_cursor_t *cursor) {
  const int32_t in_c = layer->in_c, pixel_bytes = edgeq_row_bytes(in_c, EDGEQ_BITS);
  const uint32_t padding = ((uint32_t)layer->input_zero_point >> (2 * digit)) & (EDGEQ_BITS == 1 ? 1U : 3U);
  uint32_t offset = 0;
  EDGEQ_ROLLED
  for (int32_t ky = 0, y = top; ky < layer->kernel_h; ky++, y += layer->dilation_h) {
    EDGEQ_ROLLED
    for (int32_t kx = 0, x = left; kx < layer->kernel_w; kx++, x += layer->dilation_w) {
      const uint8_t *const pixel = input + (y * layer->in_w + x) * pixel_bytes;
      if (y >= 0 && y < layer->in_h && x >= 0 && x < layer->in_w) {
        if (EDGEQ_BITS == 1)
          edgeq_slice_list_bits(cursor, pixel, in_c, offset);
        else
          edgeq_slice_list_digits(cursor, pixel, in_c, offset, EDGEQ_BITS, 2 * digit, front, back);
      } else if (EDGEQ_KIND == EDGEQ_BIPOLAR || padding == back) {
        edgeq_slice_list_all(cursor, in_c, offset, 0);
      } else if (padding == front) {
        edgeq_slice_list_all(cursor, in_c, offset, 1);
      } else if (padding) {
        cursor->others++;
      }
      offset += 4U * (uint32_t)in_c;
    }
  }
}

/* All lists of a window. */
static void list_inputs(const edgeq_conv2d_levels_t *layer, const uint8_t *input, int32_t top, int32_t left,
                        int32_t inputs, uint16_t *entries, edgeq_slice_lists_t *lists) {
  const uint32_t zero = 4U * (uint32_t)inputs;
  lists->count = 0;
  lists->total = 0;
  lists->has_positive = 0;
  EDGEQ_ROLLED
  for (int32_t digit = 0; digit < DIGITS; digit++) {
    uint16_t *const end = entries + edgeq_slice_list_bytes(inputs, 1) / 2;
    edgeq_slice_cursor_t cursor = {entries, end, 0};
    list_window(layer, input, top, left, digit, 1, EDGEQ_BITS == 1 ? NO_DIGIT : 3, &cursor);
    if (EDGEQ_BITS == 1) {
      const int is_bipolar = EDGEQ_KIND == EDGEQ_BIPOLAR;
      edgeq_slice_end(lists, &cursor, entries, end, zero, is_bipolar ? -2 : 1, -1, 0);
      continue;
    }
    const int is_top = IS_SIGNED && digit == DIGITS - 1;
    edgeq_slice_end(lists, &cursor, entries, end, zero, 1, is_top ? -1 : 3, digit);
    if (cursor.others) {
      uint16_t *const middle = cursor.front, *const rest = cursor.back;
      list_window(layer, input, top, left, digit, 2, NO_DIGIT, &cursor);
      edgeq_slice_end(lists, &cursor, middle, rest, zero, is_top ? -2 : 2, 0, digit);
    }
    entries = end;
  }
}

void EDGEQ_KERNEL(const edgeq_conv2d_levels_t *layer, const void *input, void *output, void *scratch) {
  const int32_t inputs = layer->kernel_h * layer->kernel_w * layer->in_c;
  const edgeq_slice_layer_t slices = {
      .inputs = inputs,
      .out_c = layer->out_c,
      .weight_planes = EDGEQ_PLANES,
      .is_binary = EDGEQ_BINARY,
      .levels = edgeq_slice_levels(inputs, EDGEQ_FACTOR_BITS),
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
  uint8_t *to = (uint8_t *)output;
  EDGEQ_ROLLED
  for (int32_t y = 0; y < layer->out_h; y++) {
    EDGEQ_ROLLED
    for (int32_t x = 0; x < layer->out_w; x++) {
      edgeq_slice_lists_t lists;
      list_inputs(layer, (const uint8_t *)input, y * layer->stride_h - layer->pad_top,
                  x * layer->stride_w - layer->pad_left, inputs, (uint16_t *)scratch, &lists);
      uint32_t planes[EDGEQ_SLICE_PLANES];
      to = edgeq_slice_outputs(&slices, &lists, planes, 0, 1, 1, to);
    }
  }
}
