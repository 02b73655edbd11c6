/* Depthwise 3x3 convolution with steps of 1 for images that are higher than wide: along their columns, because their
 * rows are short. A plane in scratch holds 4 channels of the whole input with its padding, so the output may take the
 * input's place.
 *
 * Inner loops and `weights` are those of slide_v7m.h; per output 1.4 instructions copy to the plane, but 1.5 fewer make
 * positions. Whole layers on Cortex-M3, per MAC: 25x5x64 3.7.
 */
#define EXPAND_PLANE 1
#include "slide_v7m.h"

#include "planes_3x3.h"

void edgeq_depthwise_conv2d_a8_w8_3x3_plane__v7m(const edgeq_depthwise_conv2d_t *layer, const int8_t *input,
                                                 int8_t *output, void *scratch) {
  edgeq_for_each_plane(layer, input, output, scratch);
}
