/* Walks the output rows of a depthwise 3x3 convolution with steps of 1.
 *
 * Rows are cut into pieces of up to PIECE outputs. For 4 channels of a piece, `expand` writes the three input lines
 * as positions of POSITION words; `slide` computes the outputs from them. The file that includes this defines both,
 * their types edgeq_lines_t and edgeq_piece_t, CHANNEL_WORDS, and SPAN_MORE: `span` is so many positions more than
 * there are outputs, rounded up to a multiple of 3. scratch: the positions of a piece, 2 more than its outputs with 3
 * as a divisor of the one or the other.
 */
#include "edgeq/edgeq_depthwise_conv2d.h"

/* The positions of a piece: `before` and `after` of them in the padding, `inside` on the lines. */
static void fill(uint32_t *to, const edgeq_lines_t *lines, const uint32_t *padding, int32_t before, int32_t inside,
                 int32_t after) {
  const int8_t *const word = (const int8_t *)padding;
  const edgeq_lines_t outside = {{word, word, word}, {0, 0, 0}};
  if (before != 0) {
    expand(to, to + before * POSITION, &outside);
    to += before * POSITION;
  }
  if (inside != 0) {
    expand(to, to + inside * POSITION, lines);
    to += inside * POSITION;
  }
  if (after != 0) {
    expand(to, to + after * POSITION, &outside);
  }
}

static int32_t limit(int32_t x, int32_t high) {
  return x < 0 ? 0 : x > high ? high : x;
}

/* Computes the whole layer. */
static inline void edgeq_for_each_piece(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output) {
  uint32_t positions[(PIECE + 2) * POSITION];
  const int32_t in_c = layer->in_c, in_w = layer->in_w, out_w = layer->out_w;
  const uint32_t padding = (uint32_t)(uint8_t)layer->input_zero_point * 0x01010101U;
  edgeq_piece_t piece = {0, positions, positions + POSITION, 0, 0, output, in_c, layer->output_zero_point};
  for (int32_t row = 0; row < layer->out_h; row++) {
    int32_t count;
    for (int32_t first = 0; first < out_w; first += count) {
      const int32_t left = out_w - first;
      count = left <= PIECE ? left : left < 2 * PIECE ? (left + 1) >> 1 : PIECE;
      /* Positions [from, from + size) of the lines, some in the padding. */
      const int32_t from = first - layer->pad_left, size = count + 2;
      const int32_t start = limit(from, in_w), inside = limit(from + size, in_w) - start;
      const int32_t before = limit(-from, size);
      edgeq_lines_t lines;
      int32_t channel_step[3];
      for (int32_t i = 0; i < 3; i++) {
        const int32_t y = row - layer->pad_top + i;
        const int exists = y >= 0 && y < layer->in_h;
        lines.at[i] = exists ? input + (y * in_w + start) * in_c : (const int8_t *)&padding;
        lines.step[i] = exists ? in_c : 0;
        channel_step[i] = exists ? 4 : 0;
      }
      piece.count = count * POSITION * 4;
      piece.span = (count + SPAN_MORE + 2) / 3 * 3 * POSITION * 4;
      piece.channels = layer->weights;
      for (int32_t c = 0; c < in_c; c += 4) {
        fill(positions, &lines, &padding, before, inside, size - before - inside);
        slide(&piece);
        piece.channels += 4 * CHANNEL_WORDS * 4;
        piece.output += 4;
        lines.at[0] += channel_step[0];
        lines.at[1] += channel_step[1];
        lines.at[2] += channel_step[2];
      }
      edgeq_clamp_bytes(piece.output - in_c, count * in_c, layer->clamp_min, layer->clamp_max);
      piece.output += (count - 1) * in_c;
    }
  }
}
