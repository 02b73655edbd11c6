/* Depthwise convolution of as many channels as a vector has (32 in registers of 128 bits), for RISC-V cores with
 * vectors.
 *
 * Lanes are channels, weights lie as they come, [tap][c]. A tap takes 9 instructions for 32 MACs (0.28) where a
 * register has 128 bits and there are 32 channels or more: inputs and weights are loaded and widened for one
 * multiplication, and both have addresses of their own. Taps outside of the input are its zero point times the weights,
 * without a load.
 */
#include "edgeq/edgeq_depthwise_conv2d.h"
#include "edgeq/edgeq_rvv.h"

/* Where the taps of one window are that lie inside of the input: columns [begin, end) of rows [top, bottom). */
typedef struct {
  int32_t top, bottom, begin, end;
} inside_t;

/* Taps [from, to) of a window at `first`, those at or after 0 and before `size`. */
static inline int32_t first_inside(int32_t first, int32_t step, int32_t taps) {
  int32_t tap = 0;
  for (; tap < taps && first < 0; first += step)
    tap++;
  return tap;
}

static inline int32_t end_inside(int32_t first, int32_t step, int32_t taps, int32_t size) {
  for (first += (taps - 1) * step; taps > 0 && first >= size; first -= step)
    taps--;
  return taps;
}

/* The sums with `count` taps in the padding. */
static inline vint32m8_t outside(vint32m8_t sums, const int8_t *w, int32_t count, int32_t channels, int16_t zero,
                                 size_t vl) {
  for (; count > 0; count--, w += channels)
    sums = __riscv_vwmacc_vx_i32m8(sums, zero, edgeq_rvv_load(w, vl), vl);
  return sums;
}

/* What does not change from pixel to pixel, distances in bytes; a copy, because for all the compiler knows a store may
 * change the layer. */
typedef struct {
  const int8_t *weights, *right;
  const int32_t *bias, *multiplier;
  int32_t channels, kernel_h, kernel_w;
  int32_t step, next; /* from tap to tap in the input, from the first tap of a row to the next row's */
  int16_t zero;
  edgeq_rvv_output_t end;
} constants_t;

/* All channels of a pixel whose window, from `first` on, lies inside of the input. */
static inline void pixel(const constants_t *k, const int8_t *first, int8_t *output) {
  const int32_t channels = k->channels, line = k->kernel_w * channels;
  size_t vl = 0;
  for (int32_t c = 0; c < channels; c += (int32_t)vl) {
    const int8_t *w = k->weights + c, *row = first + c;
    const int8_t *const stop = w + k->kernel_h * line;
    vl = __riscv_vsetvl_e16m4((size_t)(channels - c));
    vint32m8_t sums = __riscv_vle32_v_i32m8(k->bias + c, vl);
    do {
      const int8_t *x = row, *const end = w + line;
      do {
        sums = __riscv_vwmacc_vv_i32m8(sums, edgeq_rvv_load(x, vl), edgeq_rvv_load(w, vl), vl);
        x += k->step;
        w += channels;
      } while (w != end);
      row += k->next;
    } while (w != stop);
    edgeq_rvv_finish(output + c, sums, k->multiplier + c, k->right + c, &k->end, vl);
  }
}

/* All channels of a pixel part of whose window lies outside. `first`: where its first tap would be. */
static inline void border(const constants_t *k, const int8_t *first, const inside_t *in, int8_t *output) {
  const int32_t channels = k->channels, line = k->kernel_w * channels;
  size_t vl = 0;
  for (int32_t c = 0; c < channels; c += (int32_t)vl) {
    const int8_t *w = k->weights + c, *row = first + c + in->top * k->next;
    vl = __riscv_vsetvl_e16m4((size_t)(channels - c));
    vint32m8_t sums = __riscv_vle32_v_i32m8(k->bias + c, vl);
    sums = outside(sums, w, in->top * k->kernel_w, channels, k->zero, vl);
    w += in->top * line;
    for (int32_t ky = in->bottom - in->top; ky > 0; ky--, row += k->next, w += line) {
      const int8_t *x = row + in->begin * k->step, *tap = w + in->begin * channels;
      sums = outside(sums, w, in->begin, channels, k->zero, vl);
      for (int32_t kx = in->end - in->begin; kx > 0; kx--, x += k->step, tap += channels)
        sums = __riscv_vwmacc_vv_i32m8(sums, edgeq_rvv_load(x, vl), edgeq_rvv_load(tap, vl), vl);
      sums = outside(sums, w + in->end * channels, k->kernel_w - in->end, channels, k->zero, vl);
    }
    sums = outside(sums, w, (k->kernel_h - in->bottom) * k->kernel_w, channels, k->zero, vl);
    edgeq_rvv_finish(output + c, sums, k->multiplier + c, k->right + c, &k->end, vl);
  }
}

void edgeq_depthwise_conv2d_a8_w8__rvv(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                       void *scratch) {
  const constants_t k = {.weights = layer->weights,
                         .right = layer->shift,
                         .bias = layer->bias,
                         .multiplier = layer->multiplier,
                         .channels = layer->in_c,
                         .kernel_h = layer->kernel_h,
                         .kernel_w = layer->kernel_w,
                         .step = layer->dilation_w * layer->in_c,
                         .next = layer->dilation_h * layer->in_w * layer->in_c,
                         .zero = (int16_t)layer->input_zero_point,
                         .end = edgeq_rvv_output(layer->output_zero_point, layer->clamp_min, layer->clamp_max)};
  const int32_t columns = layer->in_w - (layer->kernel_w - 1) * layer->dilation_w;
  const int32_t right = layer->stride_w * k.channels;
  (void)scratch;
  for (int32_t oy = 0; oy < layer->out_h; oy++) {
    const int32_t top = oy * layer->stride_h - layer->pad_top;
    const int8_t *first = input + (top * layer->in_w - layer->pad_left) * k.channels;
    int32_t left = -layer->pad_left;
    inside_t in;
    in.top = first_inside(top, layer->dilation_h, k.kernel_h);
    in.bottom = end_inside(top, layer->dilation_h, k.kernel_h, layer->in_h);
    for (int32_t ox = layer->out_w; ox > 0; ox--, left += layer->stride_w, first += right, output += k.channels) {
      if (left >= 0 && left < columns && in.bottom - in.top == k.kernel_h) {
        pixel(&k, first, output);
      } else {
        in.begin = first_inside(left, layer->dilation_w, k.kernel_w);
        in.end = end_inside(left, layer->dilation_w, k.kernel_w, layer->in_w);
        border(&k, first, &in, output);
      }
    }
  }
}
