/* Walks the output pixels of a convolution in pairs and gathers their input windows as 16-bit values, for SMLAD.
 *
 * Every four taps of a window are two words, taps 0 and 2, then taps 1 and 3 (what SXTB16 makes of four bytes); the
 * words of the two pixels alternate. Taps are in the order ky, kx, c, filled up to a multiple of 4, where weights are
 * 0. Taps in the padding hold the input's zero point. The last of an odd number of pixels is paired with itself.
 */
#include "edgeq/edgeq_compiler.h"
#include "edgeq/edgeq_conv2d.h"
#include "edgeq/edgeq_dsp.h"

/* Taps whose windows lie on the stack; larger ones use the caller's scratch. */
#define EDGEQ_WINDOW_LOCAL 64

/* Computes all outputs of two pixels from `windows`; the second pixel's lie `step` bytes after the first one's. */
typedef void edgeq_pair_function(const edgeq_conv2d_t *layer, const uint32_t *windows, int8_t *output, int32_t step);

#define EDGEQ_WINDOW_PUT(i)                  \
  do {                                       \
    const uint32_t word = from[i].value;     \
    to[4 * (i)] = edgeq_even_bytes(word);    \
    to[4 * (i) + 2] = edgeq_odd_bytes(word); \
  } while (0)

/* `words` times four bytes, to every second word. */
static inline uint32_t *edgeq_window_expand(uint32_t *to, const int8_t *bytes, int32_t words) {
  const edgeq_unaligned_t *from = (const edgeq_unaligned_t *)(const void *)bytes;
  for (; words >= 4; words -= 4) {
    EDGEQ_WINDOW_PUT(0);
    EDGEQ_WINDOW_PUT(1);
    EDGEQ_WINDOW_PUT(2);
    EDGEQ_WINDOW_PUT(3);
    from += 4;
    to += 16;
  }
  for (; words > 0; words--) {
    EDGEQ_WINDOW_PUT(0);
    from++;
    to += 4;
  }
  return to;
}

/* `count` bytes; the last word overlaps the one before where it must. */
static inline int8_t *edgeq_window_copy(int8_t *to, const int8_t *from, int32_t count) {
  int8_t *const end = to + count;
  if (count >= 4) {
    for (; end - to > 4; to += 4, from += 4) {
      ((edgeq_unaligned_t *)(void *)to)->value = ((const edgeq_unaligned_t *)(const void *)from)->value;
    }
    from -= 4 - (end - to);
    ((edgeq_unaligned_t *)(void *)(end - 4))->value = ((const edgeq_unaligned_t *)(const void *)from)->value;
    return end;
  }
  while (to != end) {
    *to++ = *from++;
  }
  return end;
}

/* `count` times `padding`. */
static EDGEQ_NOINLINE int8_t *edgeq_window_fill(int8_t *to, int32_t padding, int32_t count) {
  for (; count > 0; count--) {
    *to++ = (int8_t)padding;
  }
  return to;
}

/* The bytes of a window that is partly outside, or dilated; its first tap lies at row `top`, column `left`. */
static EDGEQ_NOINLINE void edgeq_window_border(const edgeq_conv2d_t *layer, const int8_t *input, int32_t top,
                                               int32_t left, int8_t *to) {
  const int32_t in_c = layer->in_c, in_w = layer->in_w, padding = layer->input_zero_point;
  /* Contiguous taps of a row, and how many such pieces make a row. */
  const int32_t piece = layer->dilation_w == 1 ? layer->kernel_w : 1;
  const int32_t pieces = layer->dilation_w == 1 ? 1 : layer->kernel_w;
  for (int32_t ky = 0, y = top; ky < layer->kernel_h; ky++, y += layer->dilation_h) {
    const int row_inside = y >= 0 && y < layer->in_h;
    for (int32_t i = 0, x = left; i < pieces; i++, x += layer->dilation_w) {
      const int32_t start = x < 0 ? 0 : x;
      const int32_t end = x + piece < in_w ? x + piece : in_w;
      if (!row_inside || end <= start) {
        to = edgeq_window_fill(to, padding, piece * in_c);
        continue;
      }
      to = edgeq_window_fill(to, padding, (start - x) * in_c);
      to = edgeq_window_copy(to, input + (y * in_w + start) * in_c, (end - start) * in_c);
      to = edgeq_window_fill(to, padding, (x + piece - end) * in_c);
    }
  }
}

/* Four bytes to every second word, from `word`. */
static inline uint32_t *edgeq_window_word(uint32_t *to, uint32_t word) {
  to[0] = edgeq_even_bytes(word);
  to[2] = edgeq_odd_bytes(word);
  return to + 4;
}

/* A window of three rows of 9 bytes, `pitch` apart: that of a first layer of three channels. */
static inline void edgeq_window_27(const int8_t *from, int32_t pitch, uint32_t *to) {
  const int8_t *const second = from + pitch, *const third = second + pitch;
#define EDGEQ_WINDOW_WORD(row, i) (((const edgeq_unaligned_t *)(const void *)((row) + (i)))->value)
  to = edgeq_window_word(to, EDGEQ_WINDOW_WORD(from, 0));
  to = edgeq_window_word(to, EDGEQ_WINDOW_WORD(from, 4));
  to = edgeq_window_word(to, (uint8_t)from[8] | EDGEQ_WINDOW_WORD(second, 0) << 8);
  to = edgeq_window_word(to, EDGEQ_WINDOW_WORD(second, 3));
  to = edgeq_window_word(to, EDGEQ_WINDOW_WORD(second, 5) >> 16 | EDGEQ_WINDOW_WORD(third, 0) << 16);
  to = edgeq_window_word(to, EDGEQ_WINDOW_WORD(third, 2));
  edgeq_window_word(to, EDGEQ_WINDOW_WORD(third, 5) >> 8);
#undef EDGEQ_WINDOW_WORD
}

/* A window that lies inside, undilated, `row_bytes` from each of the rows, `pitch` apart; bytes: room for it. */
static inline void edgeq_window_inside(const int8_t *from, int32_t rows, int32_t row_bytes, int32_t pitch, uint32_t *to,
                                       int8_t *bytes) {
  if ((row_bytes & 3) == 0) {
    for (; rows > 0; rows--, from += pitch) {
      to = edgeq_window_expand(to, from, row_bytes >> 2);
    }
    return;
  }
  if (row_bytes == 9 && rows == 3) {
    edgeq_window_27(from, pitch, to);
    return;
  }
  int8_t *byte = bytes;
  for (; rows > 0; rows--, from += pitch) {
    byte = edgeq_window_copy(byte, from, row_bytes);
  }
  edgeq_window_expand(to, bytes, (int32_t)(byte - bytes + 3) >> 2);
}

static inline void edgeq_for_each_pair(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch,
                                       edgeq_pair_function *pair) {
  uint32_t local[EDGEQ_WINDOW_LOCAL * 5 / 4];
  const int32_t in_c = layer->in_c, rows = layer->kernel_h, row_bytes = layer->kernel_w * in_c;
  const int32_t pitch = layer->in_w * in_c, taps = (rows * row_bytes + 3) & ~3;
  uint32_t *const windows = taps <= EDGEQ_WINDOW_LOCAL ? local : (uint32_t *)scratch;
  uint32_t *const bytes = taps <= EDGEQ_WINDOW_LOCAL       ? local + EDGEQ_WINDOW_LOCAL
                          : taps <= 5 * EDGEQ_WINDOW_LOCAL ? local
                                                           : windows + taps;
  /* Where windows may start that need no care; nowhere when they are dilated. */
  const int plain = (layer->dilation_h | layer->dilation_w) == 1;
  const int32_t last_top = plain ? layer->in_h - rows : -1, last_left = plain ? layer->in_w - layer->kernel_w : -1;
  const int32_t step = layer->out_c, out_w = layer->out_w;
  int32_t second = 0, x = 0, y = 0;
  bytes[taps / 4 - 1] = 0; /* the taps filled up meet weights of 0 */
  for (; y < layer->out_h; y++) {
    const int32_t top = y * layer->stride_h - layer->pad_top;
    int32_t left = -layer->pad_left;
    for (x = 0; x < out_w; x++, left += layer->stride_w) {
      if (top >= 0 && top <= last_top && left >= 0 && left <= last_left) {
        const int8_t *const from = input + top * pitch + left * in_c;
        edgeq_window_inside(from, rows, row_bytes, pitch, windows + second, (int8_t *)bytes);
      } else {
        edgeq_window_border(layer, input, top, left, (int8_t *)bytes);
        edgeq_window_expand(windows + second, (const int8_t *)bytes, taps >> 2);
      }
      if (second != 0) {
        pair(layer, windows, output, step);
        output += 2 * step;
      }
      second ^= 1;
    }
  }
  if (second != 0) { /* the last pixel has itself for a neighbour */
    for (int32_t i = 0; i < taps; i += 2) {
      windows[i + 1] = windows[i];
    }
    pair(layer, windows, output, 0);
  }
}
