/* Walks the output pixels of a convolution and gathers their input windows into a buffer, a block of pixels at a time.
 *
 * A kernel defines, before including this file,
 *   EDGEQ_PATCH_TYPE    the buffer's element: int8_t, or edgeq_lane_t for a value in a 16-bit lane
 *   EDGEQ_PATCH_PIXELS  pixels per block; a tap of all pixels is one 32-bit word, element i belongs to pixel i
 *   EDGEQ_PATCH_VALUE(x)  what the buffer holds for an int8_t x: itself, or x + 128
 *   EDGEQ_PATCH_TOTALS  1 when the kernel wants the sums of each pixel's elements, 0 when not
 *   EDGEQ_PATCH_STEP    taps per pass of the inner loop; the buffer is filled up to a multiple of it
 *   EDGEQ_PATCH_ONE_FACTOR  1 when one factor may serve all channels (edgeq_requantize.h); nothing for 0
 *   EDGEQ_PATCH_COPY    a function like edgeq_patch_copy; nothing for that
 * and, after it, calls edgeq_for_each_block from its entry, with a function that computes all outputs of a block.
 * Taps are in the order of the weights: ky, kx, c. Taps in the padding hold the input's zero point.
 */
#include <stddef.h>

#include "edgeq/edgeq_compiler.h"
#include "edgeq/edgeq_conv2d.h"
#include "edgeq/edgeq_requantize.h"

/* Words of stack that serve windows of up to so many taps; larger ones use the caller's scratch, with 0 all do. */
#ifndef EDGEQ_PATCH_LOCAL
#define EDGEQ_PATCH_LOCAL 64
#endif

/* All outputs of the `count` pixels in the buffer; totals[i] is 128 times the sum of pixel i's elements, `output` its
 * first. */
typedef void edgeq_block_function(const edgeq_conv2d_t *layer, const uint32_t *buffer, const int32_t *totals,
                                  int32_t count, int8_t *output);

#if EDGEQ_PATCH_TOTALS
#define EDGEQ_PATCH_COUNT(value) sum += (value)
#else
#define EDGEQ_PATCH_COUNT(value) ((void)0)
#endif

#ifndef EDGEQ_PATCH_COPY
#define EDGEQ_PATCH_COPY edgeq_patch_copy
#endif

/* Copies from[i] to pixel's element of tap i. */
#define EDGEQ_PATCH_PUT(i)                                                       \
  do {                                                                           \
    const EDGEQ_PATCH_TYPE value = (EDGEQ_PATCH_TYPE)EDGEQ_PATCH_VALUE(from[i]); \
    to[(i) * EDGEQ_PATCH_PIXELS] = value;                                        \
    EDGEQ_PATCH_COUNT(value);                                                    \
  } while (0)

/* Copies `count` contiguous values to every EDGEQ_PATCH_PIXELS-th element; returns the end, adds up the elements. */
static inline EDGEQ_PATCH_TYPE *edgeq_patch_copy(EDGEQ_PATCH_TYPE *to, const int8_t *from, int32_t count,
                                                 int32_t *total) {
  int32_t sum = *total;
  for (; count >= 4; count -= 4) {
    EDGEQ_PATCH_PUT(0);
    EDGEQ_PATCH_PUT(1);
    EDGEQ_PATCH_PUT(2);
    EDGEQ_PATCH_PUT(3);
    from += 4;
    to += 4 * EDGEQ_PATCH_PIXELS;
  }
  for (; count > 0; count--) {
    EDGEQ_PATCH_PUT(0);
    from++;
    to += EDGEQ_PATCH_PIXELS;
  }
  *total = sum;
  return to;
}

/* Gathers the window whose first tap lies at row `top`, column `left`; returns the sum of its elements. */
static inline int32_t edgeq_patch_gather(const edgeq_conv2d_t *layer, const int8_t *input, int32_t top, int32_t left,
                                         EDGEQ_PATCH_TYPE *to) {
  const EDGEQ_PATCH_TYPE padding = (EDGEQ_PATCH_TYPE)EDGEQ_PATCH_VALUE(layer->input_zero_point);
  int32_t total = 0;
  int32_t y = top;
  for (int32_t ky = 0; ky < layer->kernel_h; ky++, y += layer->dilation_h) {
    const int row_inside = y >= 0 && y < layer->in_h;
    int32_t x = left;
    int32_t open = layer->kernel_w;
    while (open > 0) {
      int32_t run = 1;
      if (row_inside && x >= 0 && x < layer->in_w) {
        if (layer->dilation_w == 1) {
          run = open < layer->in_w - x ? open : layer->in_w - x;
        }
        to = EDGEQ_PATCH_COPY(to, input + (y * layer->in_w + x) * layer->in_c, run * layer->in_c, &total);
      } else {
        for (int32_t c = layer->in_c; c != 0; c--) {
          *to = padding;
          to += EDGEQ_PATCH_PIXELS;
          total += padding;
        }
      }
      open -= run;
      x += run * layer->dilation_w;
    }
  }
  return total;
}

/* Requantizes and stores the sums of channels [first, first + channels) and `count` pixels; sums[PIXELS * c + p],
 * bias included. Everything is copied to locals first: `output` has a character type, so for all the compiler knows a
 * store may change the layer. */
static inline void edgeq_patch_store(const edgeq_conv2d_t *layer, const int32_t *sums, int32_t first, int32_t channels,
                                     int32_t count, int8_t *output) {
  const int32_t low = layer->clamp_min, high = layer->clamp_max, step = layer->out_c;
  const int32_t offset = 2 * layer->output_zero_point + 1;
  const int32_t end = first + channels < step ? first + channels : step;
  for (int32_t c = first; c < end; c++) {
#if EDGEQ_PATCH_ONE_FACTOR
    const int32_t multiplier = edgeq_factor_multiplier(layer->multiplier, layer->shift, c);
    const int32_t right = edgeq_factor_shift(layer->multiplier, layer->shift, c);
#else
    const int32_t multiplier = layer->multiplier[c], right = layer->shift[c];
#endif
    int8_t *out = output + c;
#if EDGEQ_PATCH_PIXELS == 2
    *out = edgeq_finish(sums[0], multiplier, right, offset, low, high);
    if (count > 1) {
      out[step] = edgeq_finish(sums[1], multiplier, right, offset, low, high);
    }
#else
    for (int32_t p = 0; p < count; p++, out += step) {
      *out = edgeq_finish(sums[p], multiplier, right, offset, low, high);
    }
#endif
    sums += EDGEQ_PATCH_PIXELS;
  }
}

static inline void edgeq_for_each_block(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch,
                                        edgeq_block_function *block) {
  int32_t totals[EDGEQ_PATCH_PIXELS];
  const int32_t taps = layer->kernel_h * layer->kernel_w * layer->in_c;
#if EDGEQ_PATCH_LOCAL
  uint32_t local[EDGEQ_PATCH_LOCAL];
  uint32_t *const buffer = taps <= EDGEQ_PATCH_LOCAL ? local : (uint32_t *)scratch;
#else
  uint32_t *const buffer = (uint32_t *)scratch;
#endif
  int32_t filled = 0;
  for (int32_t tap = taps; (tap & (EDGEQ_PATCH_STEP - 1)) != 0; tap++) {
    buffer[tap] = 0; /* meets weights of 0 */
  }
  for (int32_t oy = 0; oy < layer->out_h; oy++) {
    const int32_t top = oy * layer->stride_h - layer->pad_top;
    int32_t left = -layer->pad_left;
    for (int32_t ox = 0; ox < layer->out_w; ox++, left += layer->stride_w) {
      totals[filled] = 128 * edgeq_patch_gather(layer, input, top, left, (EDGEQ_PATCH_TYPE *)(void *)buffer + filled);
      if (++filled == EDGEQ_PATCH_PIXELS) {
        block(layer, buffer, totals, filled, output);
        output += EDGEQ_PATCH_PIXELS * layer->out_c;
        filled = 0;
      }
    }
  }
  if (filled != 0) { /* the other elements still hold the pixels of the block before */
    block(layer, buffer, totals, filled, output);
  }
}
