/* Depthwise 3x3 convolution with steps of 1, along lines of the output: rows, or columns where those are longer.
 *
 * A piece of a line is computed for 4 channels at a time. First the three input lines are expanded: every position and
 * channel becomes a word of the first two lines' values, and one with the third's. Then, per channel, three positions
 * in registers slide along; a sum replaces the word that is no longer needed. Last, two channels at a time are
 * requantized.
 *
 * `weights` holds 5 words per channel, channels in the order 0, 2, 1, 3 that SXTB16 gives: bytes w00 w01 w10 w11, then
 * w02 w20 w12 w21 (line of the three, then position), then the shift and w22, then factor and bias.
 *
 * Per output: 5.5 instructions for expanding, 8.7 for the sum (6 SMLAxy for 9 MACs), 8.5 for requantizing and storing;
 * 22 more per channel and piece. The limits are the bytes that must become pairs, and one requantization per 9 MACs.
 * Whole layers on Cortex-M4, per MAC: 25x5x64 3.1, 48x48x8 3.4, 3x3x256 4.6.
 */
#define PIECE 15 /* outputs at a time; a multiple of 3 */
#define SPAN_MORE 0
#include "slide_dsp.h"

#include "lines_3x3.h"

void edgeq_depthwise_conv2d_a8_w8_3x3__dsp(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                           void *scratch) {
  (void)scratch;
  edgeq_for_each_piece(layer, input, output);
}
