/* Depthwise 3x3 convolution with steps of 1, row by row of the output; a piece of a row for 4 channels at a time, as
 * slide_v7m.h says. Whole layers on Cortex-M3, per MAC: 48x48x8 3.7, 24x24x32 3.8.
 */
#define PIECE 25 /* outputs at a time; two more are a multiple of 3 */
#define EXPAND_PLANE 0
#include "slide_v7m.h"

#include "lines_3x3.h"

void edgeq_depthwise_conv2d_a8_w8_3x3__v7m(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                           void *scratch) {
  (void)scratch;
  edgeq_for_each_piece(layer, input, output);
}
