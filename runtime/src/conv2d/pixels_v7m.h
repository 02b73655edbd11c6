/* Input windows of four pixels as words of two: [tap][2] of x0 + 65536 x1 and x2 + 65536 x3. */
#include "windows_dsp.h"

#define PUT(i)                                                 \
  do {                                                         \
    to[2 * (i)] = (uint32_t)a[i] + ((uint32_t)b[i] << 16);     \
    to[2 * (i) + 1] = (uint32_t)c[i] + ((uint32_t)d[i] << 16); \
  } while (0)

/* `count` taps of four pixels. */
static inline uint32_t *put_taps(uint32_t *to, const int8_t *a, const int8_t *b, const int8_t *c, const int8_t *d,
                                 int32_t count) {
  for (; count >= 4; count -= 4, to += 8, a += 4, b += 4, c += 4, d += 4) {
    PUT(0);
    PUT(1);
    PUT(2);
    PUT(3);
  }
  for (; count > 0; count--, to += 2, a++, b++, c++, d++) {
    PUT(0);
  }
  return to;
}

/* Where the rows of a window lie. */
typedef struct {
  const int8_t *row;
  int32_t pitch;
} edgeq_rows_t;

/* bytes: room for a window, used where it is not all inside. */
static inline edgeq_rows_t find_rows(const edgeq_conv2d_t *layer, const int8_t *input, int32_t top, int32_t left,
                                     int8_t *bytes) {
  const int32_t last_top = layer->in_h - layer->kernel_h, last_left = layer->in_w - layer->kernel_w;
  const int32_t pitch = layer->in_w * layer->in_c;
  if (top < 0 || top > last_top || left < 0 || left > last_left || (layer->dilation_h | layer->dilation_w) != 1) {
    edgeq_window_border(layer, input, top, left, bytes);
    return (edgeq_rows_t){bytes, layer->kernel_w * layer->in_c};
  }
  return (edgeq_rows_t){input + top * pitch + left * layer->in_c, pitch};
}
