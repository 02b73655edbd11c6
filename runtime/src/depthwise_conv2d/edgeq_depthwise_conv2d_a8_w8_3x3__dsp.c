/* Depthwise 3x3 convolution with steps of 1, row by row of the output; a piece of a row for 4 channels at a time, as
 * slide_dsp.h says. Whole layers on Cortex-M4, per MAC: 48x48x8 2.9, 24x24x32 2.9.
 */
#define PIECE 24 /* outputs at a time; a multiple of 3 */
#define SPAN_MORE 0
#define EXPAND_PLANE 0
#include "slide_dsp.h"

#include "lines_3x3.h"

void edgeq_depthwise_conv2d_a8_w8_3x3__dsp(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                           void *scratch) {
  (void)scratch;
  edgeq_for_each_piece(layer, input, output);
}
