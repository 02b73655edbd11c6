/* Depthwise convolution by 8 channels at a time, for cores with MVE.
 *
 * Loads widen to 16-bit lanes, in which the products of two taps are added (weights >= -127, so that two fit), then
 * those are added to two vectors of 32-bit sums: 11 instructions for 16 MACs (0.69) beside the addresses of the taps;
 * 10 where two pixels, whose windows lie inside, share the weights. 16 channels at a time would need more vector
 * registers than there are. VMOVLB and VMOVLT take the even and the odd channels; bias, multiplier and shift are packed
 * in that order, and the narrowing of the end puts the channels back.
 *
 * Taps outside of the input read a line of zero points that lies before the weights, so that every window runs the same
 * loop. Weights are packed [c / 8][tap][8].
 */
#include "edgeq/edgeq_compiler.h"
#include "edgeq/edgeq_depthwise_conv2d.h"
#include "edgeq/edgeq_mve.h"

/* 30, filled up for vectors of addresses. */
#define TAP_SLOTS 32

/* An address as a number, so that vectors of them can be added to; on a PC, which runs this under sanitizers, as wide
 * as there. */
#if UINTPTR_MAX == UINT32_MAX
typedef uint32_t address_t;
#else
typedef uintptr_t address_t;
#endif

/* What does not change from pixel to pixel; a copy, because for all the compiler knows a store may change the layer. */
typedef struct {
  const int32_t *bias, *multiplier;
  const int8_t *shift;
  int32x4_t low, high;
  int32_t zero_point, channels, taps;
} constants_t;

/* Where channel 0 of every tap lies, for the window whose first tap is at row `top`, column `left`. */
static void find_taps(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int32_t top, int32_t left,
                      address_t *taps) {
  const uint32_t in_w = (uint32_t)layer->in_w, step = (uint32_t)layer->dilation_w;
  const address_t zeros = (address_t)layer->weights, next = (address_t)(layer->dilation_w * layer->in_c);
  int32_t y = top;
  for (int32_t ky = layer->kernel_h; ky > 0; ky--, y += layer->dilation_h) {
    /* A column before the input is a huge unsigned number; a row outside makes every column one behind it. */
    const int row_inside = y >= 0 && y < layer->in_h;
    uint32_t x = row_inside ? (uint32_t)left : in_w;
    address_t tap = (address_t)input + (address_t)((y * layer->in_w + left) * layer->in_c);
    for (int32_t kx = layer->kernel_w; kx > 0; kx--, tap += next) {
      *taps++ = x < in_w ? tap : zeros;
      x += row_inside ? step : 0U;
    }
  }
}

/* Moves all taps by `bytes`. */
static inline void move_taps(address_t *taps, int32_t count, uint32_t bytes) {
#if UINTPTR_MAX == UINT32_MAX
  for (; count > 0; count -= 4, taps += 4) {
    vstrwq_p_u32(taps, vaddq_n_u32(vldrwq_u32(taps), bytes), vctp32q((uint32_t)count));
  }
#else
  for (; count > 0; count--)
    *taps++ += bytes;
#endif
}

/* Requantizes the sums of four channels and limits them. */
static inline int32x4_t finish(const constants_t *c, int32x4_t sum, int32_t at) {
  const int32x4_t x = edgeq_mve_requantize(sum, c->multiplier + at, c->shift + at);
  return vmaxq_s32(vminq_s32(vaddq_n_s32(x, c->zero_point), c->high), c->low);
}

/* Requantizes and stores the sums of eight channels. */
static inline void store(const constants_t *c, int32x4_t even, int32x4_t odd, int32_t at, int8_t *output) {
  const int16x8_t low = vmovnbq_s32(vuninitializedq_s16(), finish(c, even, at));
  const int16x8_t both = vmovntq_s32(low, finish(c, odd, at + 4));
  vstrbq_p_s16(output + at, both, vctp16q((uint32_t)(c->channels - at)));
}

/* All channels of one pixel. */
static EDGEQ_NOINLINE void pixel(const constants_t *c, const address_t *taps, const int8_t *weights, int8_t *output) {
  for (int32_t at = 0; at < c->channels; at += 8) {
    int32x4_t even = vldrwq_s32(c->bias + at), odd = vldrwq_s32(c->bias + at + 4);
    const address_t *tap = taps;
    for (int32_t count = c->taps; count > 1; count -= 2, tap += 2, weights += 16) {
      int16x8_t pair = vmulq_s16(vldrbq_s16((const int8_t *)tap[0] + at), vldrbq_s16(weights));
      pair = vaddq_s16(pair, vmulq_s16(vldrbq_s16((const int8_t *)tap[1] + at), vldrbq_s16(weights + 8)));
      even = vaddq_s32(even, vmovlbq_s16(pair));
      odd = vaddq_s32(odd, vmovltq_s16(pair));
    }
    if ((c->taps & 1) != 0) {
      const int16x8_t last = vmulq_s16(vldrbq_s16((const int8_t *)tap[0] + at), vldrbq_s16(weights));
      even = vaddq_s32(even, vmovlbq_s16(last));
      odd = vaddq_s32(odd, vmovltq_s16(last));
      weights += 8;
    }
    store(c, even, odd, at, output);
  }
}

/* Two taps of a pixel whose channels lie `at` bytes behind the taps' addresses. */
#define TWO_TAPS(even, odd, at)                                                       \
  do {                                                                                \
    int16x8_t both = vmulq_s16(vldrbq_s16((const int8_t *)tap[0] + (at)), w0);        \
    both = vaddq_s16(both, vmulq_s16(vldrbq_s16((const int8_t *)tap[1] + (at)), w1)); \
    even = vaddq_s32(even, vmovlbq_s16(both));                                        \
    odd = vaddq_s32(odd, vmovltq_s16(both));                                          \
  } while (0)

/* All channels of a pixel and of the next one, whose taps lie `move` bytes on. Outputs of the next one are written
 * before the pixel's last channels are read: they must lie a pixel further before the input than one by one. */
static EDGEQ_NOINLINE void pair(const constants_t *c, const address_t *taps, const int8_t *weights, int32_t move,
                                int8_t *output) {
  for (int32_t at = 0; at < c->channels; at += 8) {
    const int32_t next = at + move;
    int32x4_t even_a = vldrwq_s32(c->bias + at), odd_a = vldrwq_s32(c->bias + at + 4);
    int32x4_t even_b = even_a, odd_b = odd_a;
    const address_t *tap = taps;
    for (int32_t count = c->taps; count > 1; count -= 2, tap += 2, weights += 16) {
      const int16x8_t w0 = vldrbq_s16(weights), w1 = vldrbq_s16(weights + 8);
      TWO_TAPS(even_a, odd_a, at);
      TWO_TAPS(even_b, odd_b, next);
    }
    if ((c->taps & 1) != 0) {
      const int16x8_t w = vldrbq_s16(weights);
      const int16x8_t a = vmulq_s16(vldrbq_s16((const int8_t *)tap[0] + at), w);
      const int16x8_t b = vmulq_s16(vldrbq_s16((const int8_t *)tap[0] + next), w);
      even_a = vaddq_s32(even_a, vmovlbq_s16(a));
      odd_a = vaddq_s32(odd_a, vmovltq_s16(a));
      even_b = vaddq_s32(even_b, vmovlbq_s16(b));
      odd_b = vaddq_s32(odd_b, vmovltq_s16(b));
      weights += 8;
    }
    store(c, even_a, odd_a, at, output);
    store(c, even_b, odd_b, at, output + c->channels);
  }
}

void edgeq_depthwise_conv2d_a8_w8_8ch__mve(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                           void *scratch) {
  address_t taps[TAP_SLOTS];
  const constants_t c = {.bias = layer->bias,
                         .multiplier = layer->multiplier,
                         .shift = layer->shift,
                         .low = vdupq_n_s32(layer->clamp_min),
                         .high = vdupq_n_s32(layer->clamp_max),
                         .zero_point = layer->output_zero_point,
                         .channels = layer->in_c,
                         .taps = layer->kernel_h * layer->kernel_w};
  const int8_t *const weights = layer->weights + ((layer->in_c + 7) & ~7);
  const int32_t columns = layer->in_w - (layer->kernel_w - 1) * layer->dilation_w;
  (void)scratch;
  const int32_t stride = layer->stride_w, move = stride * layer->in_c;
  for (int32_t oy = 0; oy < layer->out_h; oy++) {
    const int32_t top = oy * layer->stride_h - layer->pad_top;
    const int rows_inside = top >= 0 && top + (layer->kernel_h - 1) * layer->dilation_h < layer->in_h;
    /* Windows from columns [0, last] lie inside as a whole. */
    const int32_t last = rows_inside ? columns - 1 : -1;
    int32_t left = -layer->pad_left, open = layer->out_w;
    while (open > 0) {
      find_taps(layer, input, top, left, taps);
      if (open > 1 && left >= 0 && left + stride <= last) {
        for (;; move_taps(taps, c.taps, (uint32_t)(2 * move))) {
          pair(&c, taps, weights, move, output);
          output += 2 * c.channels;
          left += 2 * stride;
          open -= 2;
          if (open < 2 || left + stride > last) {
            break;
          }
        }
      } else {
        pixel(&c, taps, weights, output);
        output += c.channels;
        left += stride;
        open--;
      }
    }
  }
}
