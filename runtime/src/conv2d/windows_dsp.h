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

static inline int8_t *edgeq_window_copy(int8_t *to, const int8_t *from, int32_t count) {
  for (; count >= 4; count -= 4, to += 4, from += 4) {
    ((edgeq_unaligned_t *)(void *)to)->value = ((const edgeq_unaligned_t *)(const void *)from)->value;
  }
  for (; count > 0; count--) {
    *to++ = *from++;
  }
  return to;
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

/* bytes: room for a window. */
static inline void edgeq_window(const edgeq_conv2d_t *layer, const int8_t *input, int32_t top, int32_t left,
                                uint32_t *to, int8_t *bytes) {
  const int32_t kernel_h = layer->kernel_h, row_bytes = layer->kernel_w * layer->in_c;
  const int32_t last_top = layer->in_h - kernel_h, last_left = layer->in_w - layer->kernel_w;
  if (top < 0 || top > last_top || left < 0 || left > last_left || (layer->dilation_h | layer->dilation_w) != 1) {
    edgeq_window_border(layer, input, top, left, bytes);
  } else {
    const int32_t pitch = layer->in_w * layer->in_c;
    const int8_t *from = input + top * pitch + left * layer->in_c;
    if ((row_bytes & 3) == 0) {
      for (int32_t ky = kernel_h; ky > 0; ky--, from += pitch) {
        to = edgeq_window_expand(to, from, row_bytes >> 2);
      }
      return;
    }
    int8_t *byte = bytes;
    for (int32_t ky = kernel_h; ky > 0; ky--, from += pitch) {
      byte = edgeq_window_copy(byte, from, row_bytes);
    }
  }
  edgeq_window_expand(to, bytes, (kernel_h * row_bytes + 3) >> 2);
}

static inline void edgeq_for_each_pair(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch,
                                       edgeq_pair_function *pair) {
  uint32_t local[EDGEQ_WINDOW_LOCAL * 5 / 4];
  const int32_t taps = (layer->kernel_h * layer->kernel_w * layer->in_c + 3) & ~3;
  uint32_t *const windows = taps <= EDGEQ_WINDOW_LOCAL ? local : (uint32_t *)scratch;
  uint32_t *const bytes = taps <= EDGEQ_WINDOW_LOCAL       ? local + EDGEQ_WINDOW_LOCAL
                          : taps <= 5 * EDGEQ_WINDOW_LOCAL ? local
                                                           : windows + taps;
  const int32_t step = layer->out_c;
  int32_t second = 0, top = 0, left = 0;
  bytes[taps / 4 - 1] = 0; /* the taps filled up meet weights of 0 */
  for (int32_t oy = 0; oy < layer->out_h; oy++) {
    top = oy * layer->stride_h - layer->pad_top;
    left = -layer->pad_left;
    for (int32_t ox = 0; ox < layer->out_w; ox++, left += layer->stride_w) {
      edgeq_window(layer, input, top, left, windows + second, (int8_t *)bytes);
      if (second != 0) {
        pair(layer, windows, output, step);
        output += 2 * step;
      }
      second ^= 1;
    }
  }
  if (second != 0) {
    edgeq_window(layer, input, top, left - layer->stride_w, windows + 1, (int8_t *)bytes);
    pair(layer, windows, output, 0);
  }
}
