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
 */
#include "edgeq/edgeq_depthwise_conv2d.h"
#include "edgeq/edgeq_dsp.h"

#define PIECE 15   /* outputs at a time; a multiple of 3 */
#define POSITION 8 /* words per position: 4 channels of 2 */
#define CHANNEL_WORDS 5

typedef struct {
  const int8_t *channels;              /* 4 records of CHANNEL_WORDS */
  uint32_t *positions, *positions_end; /* of the first channel and behind the last */
  int32_t span;                        /* bytes of positions to slide over, 2 less than there are, a multiple of 3 */
  int32_t count;                       /* bytes of positions that are outputs */
  int8_t *output;
  int32_t step, zero_point;
} edgeq_piece_t;

/* One output: positions in registers a, b and c (first and second word); a new position is loaded over c first. */
#define SLIDE(a0, a1, b0, b1, c0, c1) \
  "ldrd " c0 ", " c1                  \
  ", [lr], #32\n"                     \
  "smlad " a0 ", " a0                 \
  ", r0, r10\n"                       \
  "smlabb " a0 ", " a1 ", r3, " a0    \
  "\n"                                \
  "smlad " a0 ", " b0 ", r1, " a0     \
  "\n"                                \
  "smlabt " a0 ", " b1 ", r3, " a0    \
  "\n"                                \
  "smlad " a0 ", " c0 ", r2, " a0     \
  "\n"                                \
  "smlabb " a0 ", " c1 ", r12, " a0   \
  "\n"                                \
  "str " a0 ", [lr, #-96]\n"

EDGEQ_NAKED static void slide(__attribute__((unused)) const edgeq_piece_t *piece) {
  __asm__ volatile(
      ".syntax unified\n"
      "push {r4-r11, lr}\n"
      "ldm r0, {r1-r8}\n"
      "push {r1-r8}\n"
      "1:\n" /* per channel */
      "ldr lr, [sp, #0]\n"
      "ldm lr!, {r4, r5, r6, r7, r10}\n"
      "str lr, [sp, #0]\n"
      "ldr lr, [sp, #4]\n"
      "sxtb16 r0, r4\n"
      "sxtb16 r1, r4, ror #8\n"
      "sxtb16 r2, r5\n"
      "sxtb16 r3, r5, ror #8\n"
      "sxtb16 r12, r6, ror #8\n"
      "ldr r11, [sp, #12]\n"
      "ldrd r4, r5, [lr], #32\n"
      "ldrd r6, r7, [lr], #32\n"
      "add r11, r11, lr\n"
      "2:\n" SLIDE("r4", "r5", "r6", "r7", "r8", "r9") SLIDE("r6", "r7", "r8", "r9", "r4", "r5")
          SLIDE("r8", "r9", "r4", "r5", "r6", "r7")
      "cmp lr, r11\n"
      "bne 2b\n"
      "ldrd r0, r1, [sp, #4]\n"
      "add r0, r0, #8\n"
      "str r0, [sp, #4]\n"
      "cmp r0, r1\n"
      "bne 1b\n"
      "ldr r11, [sp, #0]\n"
      "sub r11, r11, #80\n" /* 4 records */
      "sub r12, r0, #32\n"
      "ldrd r7, r8, [sp, #20]\n"
      "ldr r9, [sp, #28]\n"
      "3:\n" /* per pair of channels */
      "ldrd r2, r3, [r11, #8]\n"
      "ldrd r4, r5, [r11, #48]\n"
      "mov r6, r12\n"
      "ldr r10, [sp, #16]\n"
      "add r10, r10, r6\n"
      "4:\n"
      "ldr r1, [r6, #16]\n"
      "ldr r0, [r6], #32\n" EDGEQ_DSP_ROUND("r0", "r3", "r2", "r9") EDGEQ_DSP_ROUND("r1", "r5", "r4", "r9")
      "bfi r0, r1, #8, #8\n"
      "strh r0, [r7]\n"
      "add r7, r7, r8\n"
      "cmp r6, r10\n"
      "bne 4b\n"
      "ldr r7, [sp, #20]\n"
      "add r7, r7, #2\n"
      "add r11, r11, #20\n"
      "add r12, r12, #8\n"
      "ldr r0, [sp, #4]\n"
      "sub r0, r0, #16\n"
      "cmp r12, r0\n"
      "bne 3b\n"
      "add sp, sp, #32\n"
      "pop {r4-r11, pc}\n");
}

/* Three lines as they meet a piece: at each position a word of 4 channels, `step` bytes from the one before. */
typedef struct {
  const int8_t *at[3];
  int32_t step[3];
} edgeq_lines_t;

/* Half of a position: two channels, from r8 to r10. */
#define EXPAND_2(even, odd)     \
  "sxtb16 r6, r8" even          \
  "\n"                          \
  "sxtb16 r7, r9" even          \
  "\n"                          \
  "pkhbt r4, r6, r7, lsl #16\n" \
  "pkhtb r6, r7, r6, asr #16\n" \
  "sxtb16 r5, r10" even         \
  "\n"                          \
  "sxtb16 r7, r10, ror #" odd   \
  "\n"                          \
  "stm r0!, {r4-r7}\n"

/* Positions up to `end`, at least one: words of the first two lines and of the third, channels in the order 0, 2, 1, 3.
 * Lines in the padding stand still on a word of zero points. */
EDGEQ_NAKED static void expand(__attribute__((unused)) uint32_t *to, __attribute__((unused)) const uint32_t *end,
                               __attribute__((unused)) const edgeq_lines_t *lines) {
  __asm__ volatile(
      ".syntax unified\n"
      "push {r1, r4-r11, lr}\n"
      "ldm r2, {r1, r2, r3, r11, r12, lr}\n"
      "1:\n"
      "ldr r8, [r1]\n"
      "ldr r9, [r2]\n"
      "ldr r10, [r3]\n"
      "add r1, r1, r11\n"
      "add r2, r2, r12\n"
      "add r3, r3, lr\n" EXPAND_2("", "16") EXPAND_2(", ror #8", "24") "ldr r4, [sp]\n"
      "cmp r0, r4\n"
      "bne 1b\n"
      "pop {r1, r4-r11, pc}\n");
}

/* The geometry along lines: of the input, lines and what a line has; bytes between them; padding before each. */
typedef struct {
  int32_t lines, length, line_step, step, pad_lines, pad, out_lines, out_length, out_line_step, out_step;
} edgeq_geometry_t;

static edgeq_geometry_t geometry(const edgeq_depthwise_conv2d_t *layer) {
  const int32_t in_c = layer->in_c, pitch = layer->in_w * in_c, out_pitch = layer->out_w * in_c;
  const edgeq_geometry_t rows = {layer->in_h,     layer->in_w,  pitch,        in_c,      layer->pad_top,
                                 layer->pad_left, layer->out_h, layer->out_w, out_pitch, in_c};
  const edgeq_geometry_t columns = {layer->in_w,    layer->in_h,  in_c,         pitch, layer->pad_left,
                                    layer->pad_top, layer->out_w, layer->out_h, in_c,  out_pitch};
  return layer->out_h > layer->out_w ? columns : rows;
}

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

void edgeq_depthwise_conv2d_a8_w8_3x3__dsp(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                           void *scratch) {
  uint32_t positions[(PIECE + 2) * POSITION];
  const edgeq_geometry_t g = geometry(layer);
  const uint32_t padding = (uint32_t)(uint8_t)layer->input_zero_point * 0x01010101U;
  edgeq_piece_t piece = {0, positions, positions + POSITION, 0, 0, 0, g.out_step, layer->output_zero_point};
  (void)scratch;
  for (int32_t line = 0; line < g.out_lines; line++) {
    int32_t count;
    for (int32_t first = 0; first < g.out_length; first += count) {
      const int32_t left = g.out_length - first;
      count = left <= PIECE ? left : left < 2 * PIECE ? (left + 1) >> 1 : PIECE;
      /* Positions [from, from + size) of the line, some in the padding. */
      const int32_t from = first - g.pad, size = count + 2;
      const int32_t start = limit(from, g.length), inside = limit(from + size, g.length) - start;
      const int32_t before = limit(-from, size);
      edgeq_lines_t lines;
      int32_t channel_step[3];
      for (int32_t i = 0; i < 3; i++) {
        const int32_t y = line - g.pad_lines + i;
        const int exists = y >= 0 && y < g.lines;
        lines.at[i] = exists ? input + y * g.line_step + start * g.step : (const int8_t *)&padding;
        lines.step[i] = exists ? g.step : 0;
        channel_step[i] = exists ? 4 : 0;
      }
      piece.count = count * POSITION * 4;
      piece.span = 0;
      for (int32_t i = count; i > 0; i -= 3) {
        piece.span += 3 * POSITION * 4;
      }
      piece.channels = layer->weights;
      piece.output = output + line * g.out_line_step + first * g.out_step;
      for (int32_t c = 0; c < layer->in_c; c += 4) {
        fill(positions, &lines, &padding, before, inside, size - before - inside);
        slide(&piece);
        piece.channels += 4 * CHANNEL_WORDS * 4;
        piece.output += 4;
        lines.at[0] += channel_step[0];
        lines.at[1] += channel_step[1];
        lines.at[2] += channel_step[2];
      }
      for (int32_t i = 0; i < count; i++) {
        edgeq_clamp_bytes(piece.output - layer->in_c + i * g.out_step, layer->in_c, layer->clamp_min, layer->clamp_max);
      }
    }
  }
}
