/* Convolution by blocks of 4 channels, 16 taps at a time, for cores with MVE.
 *
 * A window is gathered once into a buffer, unless it is one pixel, which is read where it lies; then all channels read
 * it. Weights are packed [o / 4][taps / 16][4][16], filled up with zeros.
 *
 * The inner loop takes 10 instructions for 64 MACs (0.16); the limit is one load of weights per 16 MACs, because eight
 * sums for two pixels need more even registers than there are. About 20 instructions per 4 outputs end them. Windows of
 * up to 32 taps stay in registers, two at a time, which share weights and factors: per 8 outputs 12 instructions for 16
 * taps, 24 for 32, and about 35 to end them.
 */
#include "edgeq/edgeq_compiler.h"
#include "edgeq/edgeq_conv2d.h"
#include "edgeq/edgeq_mve.h"

#define EDGEQ_GATHER_COPY edgeq_mve_copy
#define EDGEQ_GATHER_FILL edgeq_mve_fill
#include "gather_window.h"

/* Gathers the window whose first tap is at `from`, all taps inside of the input and neighbours in a row. */
static inline void gather_inside(const int8_t *from, int32_t rows, int32_t line, int32_t run, int8_t *to) {
  const mve_pred16_t some = vctp8q((uint32_t)run);
  if (run > 16) {
    for (; rows > 0; rows--, from += line, to += run) {
      edgeq_mve_copy(to, from, run);
    }
    return;
  }
  for (; rows > 0; rows--, from += line, to += run) {
    vstrbq_p_s8(to, vldrbq_z_s8(from, some), some);
  }
}

/* All channels of one pixel. */
static inline void pixel(const edgeq_conv2d_t *layer, const int8_t *window, int32_t steps, int8_t *output) {
  const int32_t low = layer->clamp_min, high = layer->clamp_max, zero_point = layer->output_zero_point;
  const int32_t channels = layer->out_c;
  const int8_t *weights = layer->weights;
  const int32_t *const bias = layer->bias, *const multiplier = layer->multiplier;
  const int8_t *const shift = layer->shift;
  for (int32_t o = 0; o < channels; o += 4) {
    edgeq_mve_sums_t sums;
    int32x4_t x;
    weights = edgeq_mve_dot_4(window, weights, steps, bias + o, &sums);
    x = edgeq_mve_requantize(edgeq_mve_vector(&sums), multiplier + o, shift + o);
    edgeq_mve_store(output + o, x, zero_point, low, high, channels - o);
  }
}

#define SHORT 32  /* taps of windows that are taken two at a time */
#define WAITING 4 /* gathered windows that are then computed, an even number */

/* Channel i of windows a and b, of `steps` vectors each: sums into lane i of x and y. */
#define CHANNEL(i)                                             \
  do {                                                         \
    const int8x16_t w0 = vldrbq_s8(weights + 16 * (i));        \
    int32_t s = vmladavq_s8(a0, w0);                           \
    int32_t t = vmladavq_s8(b0, w0);                           \
    if (steps > 1) {                                           \
      const int8x16_t w1 = vldrbq_s8(weights + 64 + 16 * (i)); \
      s = vmladavaq_s8(s, a1, w1);                             \
      t = vmladavaq_s8(t, b1, w1);                             \
    }                                                          \
    x = vsetq_lane_s32(s, x, i);                               \
    y = vsetq_lane_s32(t, y, i);                               \
  } while (0)

/* All channels of `count` pixels with windows of `steps` vectors, 1 or 2, `next` bytes apart. */
static inline EDGEQ_INLINE void pairs(const edgeq_conv2d_t *layer, const int8_t *window, int32_t next, int32_t count,
                                      int32_t steps, int8_t *output) {
  const int32_t low = layer->clamp_min, high = layer->clamp_max, zero_point = layer->output_zero_point;
  const int32_t channels = layer->out_c;
  for (; count > 0; count -= 2, window += 2 * next, output += 2 * channels) {
    const int8_t *weights = layer->weights;
    const int32_t *bias = layer->bias, *multiplier = layer->multiplier;
    const int8_t *shift = layer->shift;
    /* The last of an odd number has itself for a neighbour. */
    const int8_t *const second = count > 1 ? window + next : window;
    const int8x16_t a0 = vldrbq_s8(window), b0 = vldrbq_s8(second);
    const int8x16_t a1 = steps > 1 ? vldrbq_s8(window + 16) : a0, b1 = steps > 1 ? vldrbq_s8(second + 16) : b0;
    int8_t *out_a = output, *out_b = count > 1 ? output + channels : output;
    for (int32_t left = channels; left > 0; left -= 4) {
      int32x4_t x = vuninitializedq_s32(), y = vuninitializedq_s32();
      CHANNEL(0);
      CHANNEL(1);
      CHANNEL(2);
      CHANNEL(3);
      x = edgeq_mve_requantize(vaddq_s32(x, vldrwq_s32(bias)), multiplier, shift);
      y = edgeq_mve_requantize(vaddq_s32(y, vldrwq_s32(bias)), multiplier, shift);
      edgeq_mve_store(out_a, x, zero_point, low, high, left);
      edgeq_mve_store(out_b, y, zero_point, low, high, left);
      weights += 64 * steps;
      bias += 4;
      multiplier += 4;
      shift += 4;
      out_a += 4;
      out_b += 4;
    }
  }
}

static void short_windows(const edgeq_conv2d_t *layer, const int8_t *window, int32_t next, int32_t count, int32_t steps,
                          int8_t *output) {
  if (steps == 1) {
    pairs(layer, window, next, count, 1, output);
  } else {
    pairs(layer, window, next, count, 2, output);
  }
}

/* Gathers windows of `steps` vectors, WAITING of them if they are short, to `buffer`, and computes them. direct: every
 * window is a pixel, which is read where it lies. */
static inline EDGEQ_INLINE void gathered_windows(const edgeq_conv2d_t *layer, const int8_t *input, int32_t steps,
                                                 int is_short, int direct, int8_t *buffer, int8_t *output) {
  const int32_t in_c = layer->in_c, in_w = layer->in_w, rows = layer->kernel_h;
  const int32_t run = layer->kernel_w * in_c, line = layer->dilation_h * in_w * in_c;
  const int32_t last_left = layer->dilation_w == 1 ? in_w - layer->kernel_w : -1;
  const int32_t last_top = layer->in_h - (rows - 1) * layer->dilation_h - 1;
  int32_t waiting = 0;
  for (int32_t oy = 0, top = -layer->pad_top; oy < layer->out_h; oy++, top += layer->stride_h) {
    const int32_t last = top >= 0 && top <= last_top ? last_left : -1;
    const int32_t start = top * in_w * in_c;
    int32_t left = -layer->pad_left;
    for (int32_t ox = layer->out_w; ox > 0; ox--, left += layer->stride_w) {
      int8_t *const to = buffer + waiting * SHORT;
      const int8_t *window = to;
      if (direct) {
        window = input + start + left * in_c;
      } else if (left >= 0 && left <= last) {
        gather_inside(input + start + left * in_c, rows, line, run, to);
      } else {
        edgeq_gather(layer, input, top, left, to);
      }
      if (!is_short) {
        pixel(layer, window, steps, output);
        output += layer->out_c;
      } else if (++waiting == WAITING) {
        short_windows(layer, buffer, SHORT, WAITING, steps, output);
        output += WAITING * layer->out_c;
        waiting = 0;
      }
    }
  }
  if (is_short) {
    short_windows(layer, buffer, SHORT, waiting, steps, output);
  }
}

static EDGEQ_NOINLINE void long_windows(const edgeq_conv2d_t *layer, const int8_t *input, int32_t steps, int direct,
                                        int8_t *buffer, int8_t *output) {
  gathered_windows(layer, input, steps, 0, direct, buffer, output);
}

void edgeq_conv2d_a8_w8_4ch__mve(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t taps = layer->kernel_h * layer->kernel_w * layer->in_c;
  const int32_t steps = (taps + 15) >> 4;
  const int direct = layer->kernel_h == 1 && layer->kernel_w == 1 && layer->pad_top == 0 && layer->pad_left == 0 &&
                     (layer->out_h - 1) * layer->stride_h < layer->in_h &&
                     (layer->out_w - 1) * layer->stride_w < layer->in_w;
  if (taps > SHORT) {
    long_windows(layer, input, steps, direct, (int8_t *)scratch, output);
  } else if (direct && layer->out_w == layer->in_w && layer->out_h == layer->in_h) {
    short_windows(layer, input, taps, layer->out_h * layer->out_w, steps, output);
  } else {
    int8_t buffer[WAITING * SHORT];
    gathered_windows(layer, input, steps, 1, 0, buffer, output);
  }
}
