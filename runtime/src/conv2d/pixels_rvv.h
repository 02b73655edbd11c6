/* Convolution for RISC-V cores with vectors, several pixels by as many channels as a group of registers has.
 *
 * Lanes are output channels: a tap's weights are loaded and widened once, and multiplied by that tap of several pixels,
 * whose windows were gathered into a buffer. So no sum is ever reduced, and requantization runs in vectors too. Weights
 * are packed [tap][o].
 *
 * A kernel defines, before including this file,
 *   EDGEQ_PIXELS     3 or 6
 *   EDGEQ_EACH_PIXEL(f)    f(0) f(1) ... for every pixel
 *   EDGEQ_SUMS       the type of a pixel's sums: EDGEQ_PIXELS of them take 24 registers
 *   EDGEQ_WIDENED    the type of as many weights
 *   EDGEQ_VL(n)      vsetvl for so many channels
 *   EDGEQ_BIAS(p), EDGEQ_WEIGHTS(p)  loads of them; weights are widened to 16 bits
 *   EDGEQ_ADD(sums, x, weights)      sums + x * weights
 *   EDGEQ_END        edgeq_rvv_finish for such sums
 * and, after it, calls edgeq_for_each_block from its entry.
 */
#include "edgeq/edgeq_compiler.h"
#include "edgeq/edgeq_conv2d.h"
#include "edgeq/edgeq_rvv.h"

#define EDGEQ_GATHER_COPY edgeq_rvv_copy
#define EDGEQ_GATHER_FILL edgeq_rvv_fill
#include "gather_window.h"

/* Vectors can be in no array, hence names made of numbers. */
#define EDGEQ_DECLARE(p)      \
  EDGEQ_SUMS sums##p = first; \
  const int8_t *x##p = buffer + (p) * taps;
#define EDGEQ_MULTIPLY(p) sums##p = EDGEQ_ADD(sums##p, *x##p, w);
#define EDGEQ_MULTIPLY_1(p) sums##p = EDGEQ_ADD(sums##p, x##p[1], w);
#define EDGEQ_MULTIPLY_2(p) sums##p = EDGEQ_ADD(sums##p, x##p[2], w);
#define EDGEQ_MULTIPLY_3(p) sums##p = EDGEQ_ADD(sums##p, x##p[3], w);
#define EDGEQ_NEXT(p) x##p++;
#define EDGEQ_NEXT_4(p) x##p += 4;
#define EDGEQ_TAP(multiply)                         \
  {                                                 \
    const EDGEQ_WIDENED w = EDGEQ_WEIGHTS(weights); \
    EDGEQ_EACH_PIXEL(multiply)                      \
    weights += channels;                            \
  }
#define EDGEQ_FINISH(p)                                                                   \
  if ((p) < count) {                                                                      \
    EDGEQ_END(output + o + (p) * channels, sums##p, multiplier + o, right + o, &end, vl); \
  }

/* Gathers `rows` runs of `run` bytes, `line` bytes apart. */
static inline void edgeq_gather_inside(const int8_t *from, int32_t rows, int32_t line, int32_t run, int8_t *to) {
  for (; rows > 0; rows--, from += line, to += run)
    edgeq_rvv_copy(to, from, run);
}

/* All channels of the first `count` pixels in the buffer. */
static inline void edgeq_block(const edgeq_conv2d_t *layer, const int8_t *buffer, int32_t taps, int32_t count,
                               int8_t *output) {
  const edgeq_rvv_output_t end = edgeq_rvv_output(layer->output_zero_point, layer->clamp_min, layer->clamp_max);
  const int32_t channels = layer->out_c, fours = taps & ~3;
  const int32_t *const bias = layer->bias, *const multiplier = layer->multiplier;
  const int8_t *const right = layer->shift;
  size_t vl = 0;
  for (int32_t o = 0; o < channels; o += (int32_t)vl) {
    const int8_t *weights = layer->weights + o;
    vl = EDGEQ_VL((size_t)(channels - o));
    const EDGEQ_SUMS first = EDGEQ_BIAS(bias + o);
    EDGEQ_EACH_PIXEL(EDGEQ_DECLARE)
    for (const int8_t *const stop = buffer + fours; x0 != stop;) {
      EDGEQ_TAP(EDGEQ_MULTIPLY)
      EDGEQ_TAP(EDGEQ_MULTIPLY_1)
      EDGEQ_RVV_FENCE();
      EDGEQ_TAP(EDGEQ_MULTIPLY_2)
      EDGEQ_TAP(EDGEQ_MULTIPLY_3)
      EDGEQ_EACH_PIXEL(EDGEQ_NEXT_4)
    }
    for (const int8_t *const stop = buffer + taps; x0 != stop;) {
      EDGEQ_TAP(EDGEQ_MULTIPLY)
      EDGEQ_EACH_PIXEL(EDGEQ_NEXT)
    }
    EDGEQ_EACH_PIXEL(EDGEQ_FINISH)
  }
}

static inline void edgeq_for_each_block(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output,
                                        void *scratch) {
  const int32_t taps = layer->kernel_h * layer->kernel_w * layer->in_c;
  const int32_t pixels = layer->out_h * layer->out_w;
  const int32_t run = layer->kernel_w * layer->in_c, line = layer->dilation_h * layer->in_w * layer->in_c;
  const int32_t last_row = layer->in_h - (layer->kernel_h - 1) * layer->dilation_h - 1;
  const int32_t last_column = layer->dilation_w == 1 ? layer->in_w - layer->kernel_w : -1;
  int8_t *const buffer = (int8_t *)scratch;
  int32_t ox = 0, top = -layer->pad_top, left = -layer->pad_left;
  for (int32_t done = 0; done < pixels; done += EDGEQ_PIXELS, output += EDGEQ_PIXELS * layer->out_c) {
    const int32_t count = pixels - done < EDGEQ_PIXELS ? pixels - done : EDGEQ_PIXELS;
    int8_t *to = buffer;
    /* Where fewer are left, the others still hold the pixels of the block before, or nothing. */
    for (int32_t i = 0; i < count; i++, to += taps) {
      if (top >= 0 && top <= last_row && left >= 0 && left <= last_column) {
        const int8_t *const first = input + (top * layer->in_w + left) * layer->in_c;
        edgeq_gather_inside(first, layer->kernel_h, line, run, to);
      } else {
        edgeq_gather(layer, input, top, left, to);
      }
      left += layer->stride_w;
      if (++ox == layer->out_w) {
        ox = 0;
        left = -layer->pad_left;
        top += layer->stride_h;
      }
    }
    edgeq_block(layer, buffer, taps, count, output);
  }
}
