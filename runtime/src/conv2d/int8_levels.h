/* Convolutions with levels and int8 activations: the body of edgeq_conv2d_a8_<weights>_levels__c.
 *
 * The including file defines EDGEQ_KERNEL, EDGEQ_ROW_BITS, and EDGEQ_ROW(packed, count, buffer), which gives the row of
 * an output channel as int8: where it lies, or unpacked into `buffer`. Where all rows fit, they are unpacked once, and
 * each window is gathered once for all channels. Otherwise one channel comes after the other, its row is unpacked once,
 * and each output finds its bits in the packed pixel. */
#include "edgeq/edgeq_conv2d_levels.h"
#include "edgeq/edgeq_dot.h"
#include "edgeq/edgeq_levels.h"

/* Weights of a layer, at most, that are all unpacked at once. */
#define EDGEQ_ALL_ROWS 2048

/* The sum over one window; `input` is the first channel of the group at row 0, column 0. */
static int32_t window_sum(const edgeq_conv2d_levels_t *layer, const int8_t *input, const int8_t *weights, int32_t top,
                          int32_t left) {
  const int32_t run = layer->group_in_c;
  int32_t sum = 0;
  for (int32_t ky = 0, y = top; ky < layer->kernel_h; ky++, y += layer->dilation_h) {
    for (int32_t kx = 0, x = left; kx < layer->kernel_w; kx++, x += layer->dilation_w, weights += run) {
      if (y >= 0 && y < layer->in_h && x >= 0 && x < layer->in_w) {
        sum = edgeq_dot(input + (y * layer->in_w + x) * layer->in_c, weights, run, sum);
      } else if (layer->input_zero_point != 0) {
        for (int32_t c = 0; c < run; c++)
          sum += layer->input_zero_point * weights[c];
      }
    }
  }
  return sum;
}

/* The sum over a window that lies inside of an input whose taps are neighbours: whole rows at once. */
static int32_t inner_sum(const edgeq_conv2d_levels_t *layer, const int8_t *window, const int8_t *weights) {
  const int32_t run = layer->kernel_w * layer->in_c;
  const int32_t line = layer->dilation_h * layer->in_w * layer->in_c;
  int32_t sum = 0;
  for (int32_t ky = 0; ky < layer->kernel_h; ky++, window += line, weights += run) {
    sum = edgeq_dot(window, weights, run, sum);
  }
  return sum;
}

/* All outputs of channel o, which reads the group whose first channel is `input`. */
static void channel(const edgeq_conv2d_levels_t *layer, int32_t o, const int8_t *input, const int8_t *weights,
                    uint8_t *output) {
  const int32_t pixel_bytes = edgeq_row_bytes(layer->out_c, layer->output_bits);
  const int32_t rows = layer->in_h - (layer->kernel_h - 1) * layer->dilation_h;
  const int32_t columns =
      layer->group_in_c == layer->in_c && layer->dilation_w == 1 ? layer->in_w - layer->kernel_w : -1;
  int32_t top = -layer->pad_top;
  for (int32_t oy = 0; oy < layer->out_h; oy++, top += layer->stride_h) {
    int32_t left = -layer->pad_left;
    for (int32_t ox = 0; ox < layer->out_w; ox++, left += layer->stride_w, output += pixel_bytes) {
      const int inside = top >= 0 && top < rows && left >= 0 && left <= columns;
      const int32_t sum = inside ? inner_sum(layer, input + (top * layer->in_w + left) * layer->in_c, weights)
                                 : window_sum(layer, input, weights, top, left);
      EDGEQ_LEVELS_PLACE(layer, o, sum, output);
    }
  }
}

/* Copies the window whose first tap is at row `top`, column `left`. */
static void gather(const edgeq_conv2d_levels_t *layer, const int8_t *input, int32_t top, int32_t left, int8_t *to) {
  for (int32_t ky = 0, y = top; ky < layer->kernel_h; ky++, y += layer->dilation_h) {
    for (int32_t kx = 0, x = left; kx < layer->kernel_w; kx++, x += layer->dilation_w) {
      const int inside = y >= 0 && y < layer->in_h && x >= 0 && x < layer->in_w;
      const int8_t *from = input + (y * layer->in_w + x) * layer->in_c;
      for (int32_t c = layer->in_c; c > 0; c--)
        *to++ = inside ? *from++ : (int8_t)layer->input_zero_point;
    }
  }
}

/* All outputs, window by window. scratch: the rows of all channels, where they are unpacked, then the window. */
static void by_window(const edgeq_conv2d_levels_t *layer, const int8_t *input, void *output, int8_t *scratch) {
  const int32_t taps = layer->kernel_h * layer->kernel_w * layer->in_c;
  const int32_t step = EDGEQ_ROW_BITS == 8 ? taps : (taps + 7) & ~7;
  const uint8_t *packed = (const uint8_t *)layer->weights;
  const int8_t *rows = EDGEQ_ROW_BITS == 8 ? (const int8_t *)packed : scratch;
  int8_t *const window = EDGEQ_ROW_BITS == 8 ? scratch : scratch + step * layer->out_c;
  edgeq_row_writer_t writer = {(uint8_t *)output, 0, 0, layer->output_bits};
  int32_t *sums = (int32_t *)output;
  if (EDGEQ_ROW_BITS != 8) {
    for (int32_t o = 0; o < layer->out_c; o++, packed += edgeq_row_bytes(taps, EDGEQ_ROW_BITS)) {
      (void)EDGEQ_ROW(packed, taps, scratch + o * step);
    }
  }
  for (int32_t oy = 0, top = -layer->pad_top; oy < layer->out_h; oy++, top += layer->stride_h) {
    for (int32_t ox = 0, left = -layer->pad_left; ox < layer->out_w; ox++, left += layer->stride_w) {
      const int8_t *row = rows;
      gather(layer, input, top, left, window);
      for (int32_t o = 0; o < layer->out_c; o++, row += step) {
        const int32_t sum = edgeq_dot(window, row, taps, 0);
        EDGEQ_LEVELS_STORE(layer, o, sum, sums, &writer);
      }
      edgeq_row_end(&writer);
    }
  }
}

void EDGEQ_KERNEL(const edgeq_conv2d_levels_t *layer, const void *input, void *output, void *scratch) {
  const int32_t taps = layer->kernel_h * layer->kernel_w * layer->group_in_c;
  const int32_t weight_bytes = edgeq_row_bytes(taps, EDGEQ_ROW_BITS);
  const int32_t bytes = layer->out_h * layer->out_w * edgeq_row_bytes(layer->out_c, layer->output_bits);
  const uint8_t *weights = (const uint8_t *)layer->weights;
  const int8_t *group_input = (const int8_t *)input;
  int32_t o = 0;
  if (layer->groups == 1 && (EDGEQ_ROW_BITS == 8 || taps * layer->out_c <= EDGEQ_ALL_ROWS)) {
    by_window(layer, group_input, output, (int8_t *)scratch);
    return;
  }
  for (int32_t i = 0; i < bytes; i++)
    ((uint8_t *)output)[i] = 0;
  for (int32_t group = 0; group < layer->groups; group++, group_input += layer->group_in_c) {
    for (int32_t i = 0; i < layer->group_out_c; i++, o++, weights += weight_bytes) {
      channel(layer, o, group_input, EDGEQ_ROW(weights, taps, (int8_t *)scratch), (uint8_t *)output);
    }
  }
}
