/* Convolution by blocks of 4 channels, 16 taps at a time, for cores with MVE.
 *
 * A window is gathered once into a buffer, unless it is one pixel, which is read where it lies; then all channels read
 * it. Weights are packed [o / 4][taps / 16][4][16], filled up with zeros.
 *
 * The inner loop takes 10 instructions for 64 MACs (0.16); the limit is one load of weights per 16 MACs, because eight
 * sums for two pixels need more even registers than there are. About 20 instructions per 4 outputs end them.
 */
#include "edgeq/edgeq_conv2d.h"
#include "edgeq/edgeq_mve.h"

/* Gathers the window whose first tap is at `from`, all taps inside of the input and neighbours in a row. */
static inline void gather_inside(const int8_t *from, int32_t rows, int32_t line, int32_t run, int8_t *to) {
  const mve_pred16_t some = vctp8q((uint32_t)run);
  for (; rows > 0; rows--, from += line, to += run) {
    if (run <= 16) {
      vstrbq_p_s8(to, vldrbq_z_s8(from, some), some);
    } else {
      edgeq_mve_copy(to, from, run);
    }
  }
}

/* Gathers the window whose first tap is at row `top`, column `left`; taps outside of the input are its zero point. */
static void gather(const edgeq_conv2d_t *layer, const int8_t *input, int32_t top, int32_t left, int8_t *to) {
  const int32_t in_c = layer->in_c, zero = layer->input_zero_point;
  int32_t y = top;
  for (int32_t ky = 0; ky < layer->kernel_h; ky++, y += layer->dilation_h) {
    int32_t x = left, open = layer->kernel_w;
    if (y < 0 || y >= layer->in_h) {
      edgeq_mve_fill(to, zero, open * in_c);
      to += open * in_c;
      continue;
    }
    while (open > 0) {
      int32_t run = 1;
      if (x >= 0 && x < layer->in_w) {
        if (layer->dilation_w == 1)
          run = open < layer->in_w - x ? open : layer->in_w - x;
        edgeq_mve_copy(to, input + (y * layer->in_w + x) * in_c, run * in_c);
      } else {
        edgeq_mve_fill(to, zero, in_c);
      }
      to += run * in_c;
      open -= run;
      x += run * layer->dilation_w;
    }
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

void edgeq_conv2d_a8_w8_4ch__mve(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t taps = layer->kernel_h * layer->kernel_w * layer->in_c;
  const int32_t steps = (taps + 15) >> 4;
  const int direct = layer->kernel_h == 1 && layer->kernel_w == 1 && layer->pad_top == 0 && layer->pad_left == 0 &&
                     (layer->out_h - 1) * layer->stride_h < layer->in_h &&
                     (layer->out_w - 1) * layer->stride_w < layer->in_w;
  const int32_t run = layer->kernel_w * layer->in_c, line = layer->dilation_h * layer->in_w * layer->in_c;
  const int32_t last_row = layer->in_h - (layer->kernel_h - 1) * layer->dilation_h - 1;
  const int32_t last_column = layer->dilation_w == 1 ? layer->in_w - layer->kernel_w : -1;
  int8_t *const buffer = (int8_t *)scratch;
  for (int32_t oy = 0; oy < layer->out_h; oy++) {
    const int32_t top = oy * layer->stride_h - layer->pad_top;
    int32_t left = -layer->pad_left;
    for (int32_t ox = 0; ox < layer->out_w; ox++, left += layer->stride_w) {
      const int8_t *window = buffer;
      const int8_t *const first = input + (top * layer->in_w + left) * layer->in_c;
      if (direct) {
        window = first;
      } else if (top >= 0 && top <= last_row && left >= 0 && left <= last_column) {
        gather_inside(first, layer->kernel_h, line, run, buffer);
      } else {
        gather(layer, input, top, left, buffer);
      }
      pixel(layer, window, steps, output);
      output += layer->out_c;
    }
  }
}
