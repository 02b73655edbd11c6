/* Windows of a convolution, gathered run by run. What includes this names, before, how its core copies and fills:
 *   EDGEQ_GATHER_COPY(to, from, bytes), EDGEQ_GATHER_FILL(to, value, bytes)
 */
#include "edgeq/edgeq_compiler.h"
#include "edgeq/edgeq_conv2d.h"

/* Gathers the window whose first tap is at row `top`, column `left`; taps outside of the input are its zero point. */
static EDGEQ_NOINLINE void edgeq_gather(const edgeq_conv2d_t *layer, const int8_t *input, int32_t top, int32_t left,
                                        int8_t *to) {
  const int32_t in_c = layer->in_c, zero = layer->input_zero_point;
  int32_t y = top;
  for (int32_t ky = 0; ky < layer->kernel_h; ky++, y += layer->dilation_h) {
    int32_t x = left, open = layer->kernel_w;
    if (y < 0 || y >= layer->in_h) {
      EDGEQ_GATHER_FILL(to, zero, open * in_c);
      to += open * in_c;
      continue;
    }
    while (open > 0) {
      int32_t run = 1;
      if (x >= 0 && x < layer->in_w) {
        if (layer->dilation_w == 1)
          run = open < layer->in_w - x ? open : layer->in_w - x;
        EDGEQ_GATHER_COPY(to, input + (y * layer->in_w + x) * in_c, run * in_c);
      } else {
        EDGEQ_GATHER_FILL(to, zero, in_c);
      }
      to += run * in_c;
      open -= run;
      x += run * layer->dilation_w;
    }
  }
}
