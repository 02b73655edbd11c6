/* Convolutions of binary inputs with binary weights by words: the body of edgeq_conv2d_a1_w1_levels__<isa>. Channels
 * fill whole words, so that pixels are read where they lie; taps outside of the image are left out.
 * The including file defines EDGEQ_KERNEL, and EDGEQ_COUNT_BITS if the core has such an instruction. */
#include "edgeq/edgeq_bit_words.h"
#include "edgeq/edgeq_conv2d_levels.h"
#include "edgeq/edgeq_levels.h"

/* Taps from `start`, `step` apart, that lie in [0, size): *first is the first one, the result the one after the last.
 */
static int32_t inside(int32_t start, int32_t step, int32_t count, int32_t size, int32_t *first) {
  int32_t tap = 0;
  for (; tap < count && start < 0; tap++)
    start += step;
  *first = tap;
  for (; tap < count && start < size; tap++)
    start += step;
  return tap;
}

/* What the outputs of a pixel have in common. */
typedef struct {
  edgeq_word_rows_t rows; /* `weights` of the first block of channels */
  int32_t block_weights;  /* from one block to the next */
  int32_t inputs;         /* inside of the image */
  int32_t outside;        /* not inside */
} window_t;

/* The taps inside of the image of the window at `top`, `left`, copied behind each other to `to`. */
static void list_taps(const edgeq_conv2d_levels_t *layer, const uint32_t *input, int32_t top, int32_t left,
                      uint32_t *to, window_t *window) {
  const int32_t in_c = layer->in_c, pixel_words = in_c >> 5, tap_weights = EDGEQ_WORD_CHANNELS * pixel_words;
  const int32_t step = layer->dilation_w * pixel_words, taps = layer->kernel_h * layer->kernel_w;
  int32_t ky, kx;
  const int32_t height = inside(top, layer->dilation_h, layer->kernel_h, layer->in_h, &ky) - ky;
  const int32_t width = inside(left, layer->dilation_w, layer->kernel_w, layer->in_w, &kx) - kx;
  const int32_t is_whole = width == layer->kernel_w;
  const uint32_t *row =
      input + ((top + ky * layer->dilation_h) * layer->in_w + left + kx * layer->dilation_w) * pixel_words;
  window->inputs = height * width * in_c;
  window->outside = taps * in_c - window->inputs;
  window->block_weights = taps * tap_weights;
  window->rows.words = to;
  window->rows.weights = (const uint32_t *)layer->weights + (ky * layer->kernel_w + kx) * tap_weights;
  window->rows.count = width * pixel_words * (is_whole ? height : 1);
  window->rows.rows = is_whole ? 1 : height;
  window->rows.row_words = width * pixel_words;
  window->rows.row_weights = layer->kernel_w * tap_weights;
  const int32_t run = layer->dilation_w == 1 ? width * pixel_words : pixel_words,
                runs = layer->dilation_w == 1 ? 1 : width;
  for (int32_t y = 0; y < height; y++, row += layer->dilation_h * layer->in_w * pixel_words) {
    const uint32_t *from = row;
    for (int32_t x = 0; x < runs; x++, from += step) {
      EDGEQ_ROLLED
      for (int32_t i = 0; i < run; i++)
        *to++ = from[i];
    }
  }
}

/* The outputs of a pixel from channel `o` on that are no single bits. */
static EDGEQ_NOINLINE void store(const edgeq_conv2d_levels_t *layer, const int32_t *matches, int32_t o, int32_t inputs,
                                 edgeq_row_writer_t *writer) {
  int32_t *sums = (int32_t *)(void *)writer->next;
  for (int32_t i = 0; i < EDGEQ_WORD_CHANNELS && o + i < layer->out_c; i++)
    EDGEQ_LEVELS_STORE(layer, o + i, 2 * matches[i] - inputs, sums, writer);
  if (layer->output_bits == 32)
    writer->next = (uint8_t *)(void *)sums;
}

/* All outputs of a pixel; returns the end of its row. */
static uint8_t *pixel_outputs(const edgeq_conv2d_levels_t *layer, const window_t *window, uint8_t *output) {
  const int16_t *thresholds = (const int16_t *)layer->thresholds;
  const uint32_t invert = layer->output_code ? 0U : ~0U;
  const int32_t limit = -(window->outside >> 1), is_bit = layer->output_bits == 1, out_c = layer->out_c;
  edgeq_word_rows_t rows = window->rows;
  edgeq_row_writer_t writer = {output, 0, 0, layer->output_bits};
  for (int32_t o = 0; o < out_c; o += EDGEQ_WORD_CHANNELS) {
    int32_t matches[EDGEQ_WORD_CHANNELS] = {0, 0, 0, 0, 0, 0, 0, 0};
    if (is_bit) {
      EDGEQ_UNROLLED
      for (int32_t i = 0; i < EDGEQ_WORD_CHANNELS; i++)
        matches[i] = thresholds[o + i];
    }
    if (window->inputs)
      edgeq_word_matches(rows, matches);
    rows.weights += window->block_weights;
    if (is_bit) {
      *output++ = edgeq_word_bits(matches, limit, out_c - o, invert);
    } else {
      int32_t copy[EDGEQ_WORD_CHANNELS]; /* so that `matches` can stay in registers */
      EDGEQ_UNROLLED
      for (int32_t i = 0; i < EDGEQ_WORD_CHANNELS; i++)
        copy[i] = matches[i];
      store(layer, copy, o, window->inputs, &writer);
    }
  }
  edgeq_row_end(&writer);
  return is_bit ? output : writer.next;
}

void EDGEQ_KERNEL(const edgeq_conv2d_levels_t *layer, const void *input, void *output, void *scratch) {
  uint8_t *to = (uint8_t *)output;
  for (int32_t y = 0; y < layer->out_h; y++) {
    for (int32_t x = 0; x < layer->out_w; x++) {
      window_t window;
      list_taps(layer, (const uint32_t *)input, y * layer->stride_h - layer->pad_top,
                x * layer->stride_w - layer->pad_left, (uint32_t *)scratch, &window);
      to = pixel_outputs(layer, &window, to);
    }
  }
}
