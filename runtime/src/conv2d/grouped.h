/* Convolutions with weights in groups: the body of edgeq_conv2d_a8_<weights>g__c.
 *
 * The including file defines EDGEQ_KERNEL and, as edgeq_group_lanes.h has them, EDGEQ_GROUP_BITS, EDGEQ_GROUP_BIAS,
 * EDGEQ_GROUP_STEP, EDGEQ_GROUP_CHUNK, and EDGEQ_GROUP_PLANES: 2 when the lanes are the planes of one output.
 *
 * Pixel by pixel: the window is copied together, unless it is one pixel of all channels, and then all outputs read it.
 */
#include <string.h>

#include "edgeq/edgeq_conv2d_grouped.h"
#include "edgeq/edgeq_group_lanes.h"
#include "edgeq/edgeq_requantize.h"

static inline int8_t finish(const edgeq_conv2d_grouped_t *layer, int32_t o, uint32_t sum) {
  const int32_t total = (int32_t)((uint32_t)layer->bias[o] + sum);
  const int32_t scaled = edgeq_requantize(total, layer->multiplier[o], layer->shift[o]);
  return edgeq_output(scaled, layer->output_zero_point, layer->clamp_min, layer->clamp_max);
}

/* The taps of the window at row `top`, column `left`, in the order ky, kx, c; `input` is the first channel of the group
 * of channels at row 0, column 0. */
static const int8_t *window(const edgeq_conv2d_grouped_t *layer, const int8_t *input, int32_t top, int32_t left,
                            int8_t *to) {
  const size_t run = (size_t)layer->group_in_c;
  int8_t *next = to;
  int32_t y = top;
  for (int32_t ky = 0; ky < layer->kernel_h; ky++, y += layer->dilation_h) {
    int32_t x = left;
    for (int32_t kx = 0; kx < layer->kernel_w; kx++, x += layer->dilation_w) {
      if (y < 0 || y >= layer->in_h || x < 0 || x >= layer->in_w) {
        memset(next, layer->input_zero_point, run);
      } else {
        const int8_t *pixel = input + (y * layer->in_w + x) * layer->in_c;
        if (layer->kernel_h == 1 && layer->kernel_w == 1) {
          return pixel;
        }
        memcpy(next, pixel, run);
      }
      next += run;
    }
  }
  return to;
}

void EDGEQ_KERNEL(const edgeq_conv2d_grouped_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t taps = layer->kernel_h * layer->kernel_w * layer->group_in_c;
  uint32_t *const totals = (uint32_t *)scratch + ((taps + 3) >> 2);
  const int32_t group_size = layer->group_size;
  for (int32_t oy = 0; oy < layer->out_h; oy++) {
    const int32_t top = oy * layer->stride_h - layer->pad_top;
    for (int32_t ox = 0; ox < layer->out_w; ox++) {
      const int32_t left = ox * layer->stride_w - layer->pad_left;
      edgeq_group_cursor_t cursor = {layer->weights, layer->factors};
      int32_t o = 0;
      for (int32_t group = 0; group < layer->groups; group++) {
        const int32_t end = o + layer->group_out_c;
        const int8_t *x = window(layer, input + group * layer->group_in_c, top, left, (int8_t *)scratch);
        edgeq_group_totals(x, taps, group_size, totals);
        while (o < end) {
          uint32_t sums[EDGEQ_GROUP_LANES];
          edgeq_group_rows(&cursor, x, totals, taps, group_size, sums);
          for (int i = 0; i < EDGEQ_GROUP_LANES && o < end; i += EDGEQ_GROUP_PLANES, o++) {
            *output++ = finish(layer, o, EDGEQ_GROUP_PLANES == 2 ? sums[i] + sums[i + 1] : sums[i]);
          }
        }
      }
    }
  }
}
