/* Depthwise convolution by 8 channels at a time, for cores with MVE.
 *
 * Loads widen to 16-bit lanes, in which the products of two taps are added (weights >= -127, so that two fit), then
 * those are added to two vectors of 32-bit sums: 11 instructions for 16 MACs (0.69) beside the addresses of the taps;
 * 10 where two pixels of a long row, whose windows lie inside, share the weights. 16 channels at a time would need more
 * vector registers than there are. VMOVLB and VMOVLT take the even and the odd channels; bias, multiplier and shift are
 * packed in that order, and the narrowing of the end puts the channels back.
 *
 * Taps outside of the input read a line of zero points that lies before the weights, so that every window runs the same
 * loop. Weights are packed [c / 8][tap][8].
 */
#include "edgeq/edgeq_compiler.h"
#include "taps_mve.h"

/* Outputs of a row from which on two are computed together. */
#define PAIRED 8

/* What does not change from pixel to pixel; a copy, because for all the compiler knows a store may change the layer. */
typedef struct {
  const int32_t *bias, *multiplier;
  const int8_t *shift;
  int32x4_t low, high;
  int32_t zero_point, channels, taps;
} constants_t;

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
static inline EDGEQ_INLINE void pixel(const constants_t *c, const address_t *taps, const int8_t *weights,
                                      int8_t *output) {
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

static EDGEQ_NOINLINE void single(const constants_t *c, const address_t *taps, const int8_t *weights, int8_t *output) {
  pixel(c, taps, weights, output);
}

/* An output row pixel by pixel; windows from columns [0, last] lie inside as a whole. */
static inline int8_t *short_row(const edgeq_depthwise_conv2d_t *layer, const constants_t *c, const int8_t *input,
                                int32_t top, int32_t last, address_t *taps, const int8_t *weights, int8_t *output) {
  int32_t left = -layer->pad_left;
  for (int32_t ox = 0; ox < layer->out_w; ox++, left += layer->stride_w, output += c->channels) {
    if (left > layer->stride_w - 1 && left <= last && ox > 0) {
      move_taps(taps, c->taps, (uint32_t)(layer->stride_w * layer->in_c));
    } else {
      find_taps(layer, input, top, left, taps);
    }
    pixel(c, taps, weights, output);
  }
  return output;
}

/* The same, inside two pixels at a time. */
static int8_t *long_row(const edgeq_depthwise_conv2d_t *layer, const constants_t *c, const int8_t *input, int32_t top,
                        int32_t last, address_t *taps, const int8_t *weights, int8_t *output) {
  const int32_t stride = layer->stride_w, move = stride * layer->in_c;
  int32_t left = -layer->pad_left, open = layer->out_w;
  while (open > 0) {
    find_taps(layer, input, top, left, taps);
    if (open == 1 || left < 0 || left + stride > last) {
      single(c, taps, weights, output);
      output += c->channels;
      left += stride;
      open--;
      continue;
    }
    for (;; move_taps(taps, c->taps, (uint32_t)(2 * move))) {
      pair(c, taps, weights, move, output);
      output += 2 * c->channels;
      left += 2 * stride;
      open -= 2;
      if (open < 2 || left + stride > last) {
        break;
      }
    }
  }
  return output;
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
  for (int32_t oy = 0; oy < layer->out_h; oy++) {
    const int32_t top = oy * layer->stride_h - layer->pad_top;
    const int rows_inside = top >= 0 && top + (layer->kernel_h - 1) * layer->dilation_h < layer->in_h;
    const int32_t last = rows_inside ? columns - 1 : -1;
    if (layer->out_w >= PAIRED) {
      output = long_row(layer, &c, input, top, last, taps, weights, output);
    } else {
      output = short_row(layer, &c, input, top, last, taps, weights, output);
    }
  }
}
