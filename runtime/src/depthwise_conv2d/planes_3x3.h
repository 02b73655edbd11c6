/* Walks the output columns of a depthwise 3x3 convolution with steps of 1 whose output is as large as its input, 4
 * channels after the other.
 *
 * Those of the whole input are first copied to a plane in scratch, a word per place, with the padding around it; so the
 * output may lie where the input does, and no column has borders. Pieces of a column of up to LONGEST outputs are
 * computed by `expand` and `slide`, which the file that includes this defines with EXPAND_PLANE, like POSITION,
 * CHANNEL_WORDS and SPAN_MORE. scratch: the plane, then positions of a piece, 2 more than its outputs with 3 as a
 * divisor of the one or the other.
 */
#include "edgeq/edgeq_compiler.h"
#include "edgeq/edgeq_depthwise_conv2d.h"

#define LONGEST 48

/* Copies channels [0, 4) of `input` to the plane's inside, which starts at `to`. */
static void copy_plane(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, uint32_t *to) {
  const int32_t in_c = layer->in_c, in_w = layer->in_w;
  for (int32_t y = layer->in_h; y > 0; y--, to += 2) {
    EDGEQ_ROLLED
    for (int32_t x = in_w; x > 0; x--, input += in_c) {
      *to++ = ((const edgeq_unaligned_t *)(const void *)input)->value;
    }
  }
}

/* Computes the whole layer. */
static inline void edgeq_for_each_plane(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                        void *scratch) {
  const int32_t in_c = layer->in_c, out_w = layer->out_w, width = out_w + 2, pitch = out_w * in_c;
  uint32_t *const plane = (uint32_t *)scratch, *const positions = plane + width * (layer->out_h + 2);
  edgeq_piece_t piece = {layer->weights, positions, positions + POSITION, 0, 0, 0, pitch, layer->output_zero_point};
  for (uint32_t *word = plane; word != positions; word++) {
    *word = (uint32_t)(uint8_t)layer->input_zero_point * 0x01010101U;
  }
  for (int32_t c = 0; c < in_c; c += 4, piece.channels += 4 * CHANNEL_WORDS * 4) {
    copy_plane(layer, input + c, plane + layer->pad_top * width + layer->pad_left);
    for (int32_t column = 0; column < out_w; column++) {
      const uint32_t *from = plane + column;
      piece.output = output + c + column * in_c;
      for (int32_t left = layer->out_h; left > 0; left -= LONGEST, from += LONGEST * width) {
        const int32_t count = left < LONGEST ? left : LONGEST;
        piece.count = count * POSITION * 4;
        piece.span = (count + SPAN_MORE + 2) / 3 * 3 * POSITION * 4;
        expand(positions, positions + (count + 2) * POSITION, from, 4 * width);
        slide(&piece);
        piece.output += LONGEST * pitch;
      }
    }
  }
  edgeq_clamp_bytes(output, layer->out_h * pitch, layer->clamp_min, layer->clamp_max);
}
