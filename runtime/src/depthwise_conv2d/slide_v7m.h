/* The inner loops of the depthwise 3x3 kernels for Armv7-M: one makes records of positions, one walks over those.
 *
 * A record is a word of 4 channels from each of three input lines, and room for a sum. Per channel, with 9 weights in
 * registers, every position is added to the three sums that it belongs to; the one that is complete is left in its
 * record, as many bytes behind the start as the channel is. Last, these are requantized.
 *
 * `weights` holds 5 words per channel: 9 weights (line of the three, then position), the shift, two bytes unused,
 * factor and bias. Per output: 3 instructions for the records, 15.3 for the sum, 11 for requantizing and storing; two
 * more positions and 28 instructions per channel and piece. The limits are MLA (9) and one requantization per 9 MACs.
 */
#include "edgeq/edgeq_compiler.h"
#include "edgeq/edgeq_v7m.h"
#include "piece_3x3.h"

#define SPAN_MORE 2
#define POSITION 5 /* words per position; positions_end lies as many behind the last */
#define CHANNEL_WORDS 5

#if EDGEQ_V7M_ASSEMBLY

/* clang-format off */
#define LINE(a, b, c, offset, w0, w1, w2) \
  "ldrsb r12, [lr, #" offset "]\n"        \
  "mla " a ", r12, " w2 ", " a "\n"       \
  "mla " b ", r12, " w1 ", " b "\n"       \
  "mla " c ", r12, " w0 ", " c "\n"
/* A position: the last of sum a, the second of b, the first of c. lr is 8 bytes before the record of the first. */
#define COLUMN(a, b, c, line0, line1, line2, sum) \
  "ldr " c ", [sp]\n"                             \
  LINE(a, b, c, line0, "r0", "r1", "r2")          \
  LINE(a, b, c, line1, "r3", "r4", "r5")          \
  LINE(a, b, c, line2, "r6", "r7", "r8")          \
  "str " a ", " sum "\n"
/* clang-format on */

EDGEQ_V7M_NAKED static void slide(__attribute__((unused)) const edgeq_piece_t *piece) {
  __asm__ volatile(
      ".syntax unified\n"
      "push {r4-r11, lr}\n"
      "ldm r0, {r1-r8}\n"
      "sub r2, r2, #8\n"
      "add r3, r2, #4\n"
      "push {r0-r9}\n" /* bias, channels, position, its end, span, count, output, step, zero point, end of span */
      "1:\n"           /* per channel */
      "ldr lr, [sp, #4]\n"
      "ldr r0, [lr, #16]\n"
      "str r0, [sp]\n"
      "ldrsb r0, [lr]\n"
      "ldrsb r1, [lr, #1]\n"
      "ldrsb r2, [lr, #2]\n"
      "ldrsb r3, [lr, #3]\n"
      "ldrsb r4, [lr, #4]\n"
      "ldrsb r5, [lr, #5]\n"
      "ldrsb r6, [lr, #6]\n"
      "ldrsb r7, [lr, #7]\n"
      "ldrsb r8, [lr, #8]\n"
      "ldr lr, [sp, #8]\n"
      "ldr r12, [sp, #16]\n"
      "add r12, r12, lr\n"
      "str r12, [sp, #36]\n"
      "2:\n" COLUMN("r9", "r10", "r11", "8", "12", "16", "[lr, #20]")
          COLUMN("r10", "r11", "r9", "28", "32", "36", "[lr, #40]")
              COLUMN("r11", "r9", "r10", "48", "52", "56", "[lr, #60]!")
      "ldr r12, [sp, #36]\n"
      "cmp lr, r12\n"
      "bne 2b\n"
      "ldr r0, [sp, #4]\n"
      "ldr r1, [r0, #12]\n"
      "ldrsb r2, [r0, #9]\n"
      "add r0, r0, #20\n"
      "str r0, [sp, #4]\n"
      "ldr r3, [sp, #8]\n"
      "ldrd r4, r5, [sp, #20]\n"
      "ldrd r6, r7, [sp, #28]\n"
      "add r8, r5, #1\n"
      "str r8, [sp, #24]\n"
      "add r3, r3, #60\n"
      "add r4, r4, r3\n"
      "3:\n"
      "ldr r9, [r3], #20\n" EDGEQ_V7M_FINISH("r9", "r1", "r2", "r7", "r10", "[r5]")
      "add r5, r5, r6\n"
      "cmp r3, r4\n"
      "bne 3b\n"
      "ldrd r0, r1, [sp, #8]\n"
      "adds r0, #1\n"
      "str r0, [sp, #8]\n"
      "cmp r0, r1\n"
      "bne 1b\n"
      "add sp, sp, #40\n"
      "pop {r4-r11, pc}\n");
}

#else

static void slide(const edgeq_piece_t *piece) {
  for (int32_t slot = 0; slot < 4; slot++) {
    const int8_t *const c = piece->channels + 4 * CHANNEL_WORDS * slot;
    const edgeq_unaligned_t *const words = (const edgeq_unaligned_t *)(const void *)(c + 12);
    int8_t *output = piece->output + slot;
    const int8_t *at = (const int8_t *)piece->positions + slot;
    for (const int8_t *const end = at + piece->count; at != end; at += 4 * POSITION, output += piece->step) {
      int32_t sum = (int32_t)words[1].value;
      for (int32_t i = 0; i < 9; i++) {
        sum += c[i] * at[i % 3 * 4 * POSITION + i / 3 * 4];
      }
      *output = edgeq_dsp_round(sum, (int32_t)words[0].value, c[9], piece->zero_point);
    }
  }
}

#endif

#if EXPAND_PLANE

/* Positions up to `end`, at least one. from: the three lines' words at the first; step: bytes to those at the next. */
#if EDGEQ_V7M_ASSEMBLY
EDGEQ_V7M_NAKED static void expand(__attribute__((unused)) uint32_t *to, __attribute__((unused)) const uint32_t *end,
                                   __attribute__((unused)) const uint32_t *from, __attribute__((unused)) int32_t step) {
  __asm__ volatile(
      ".syntax unified\n"
      "push {r4-r6, lr}\n"
      "1:\n"
      "ldm r2, {r4-r6}\n"
      "add r2, r2, r3\n"
      "stm r0, {r4-r6}\n"
      "adds r0, #20\n"
      "cmp r0, r1\n"
      "bne 1b\n"
      "pop {r4-r6, pc}\n");
}
#else
static void expand(uint32_t *to, const uint32_t *end, const uint32_t *from, int32_t step) {
  for (; to != end; to += POSITION, from += step >> 2) {
    to[0] = from[0];
    to[1] = from[1];
    to[2] = from[2];
  }
}
#endif

#else

/* Positions up to `end`, at least one. Lines in the padding stand still on a word of zero points. */
static EDGEQ_NOINLINE void expand(uint32_t *to, const uint32_t *end, const edgeq_lines_t *lines) {
  const int8_t *a = lines->at[0], *b = lines->at[1], *c = lines->at[2];
  const int32_t a_step = lines->step[0], b_step = lines->step[1], c_step = lines->step[2];
  for (; to != end; to += POSITION, a += a_step, b += b_step, c += c_step) {
    to[0] = ((const edgeq_unaligned_t *)(const void *)a)->value;
    to[1] = ((const edgeq_unaligned_t *)(const void *)b)->value;
    to[2] = ((const edgeq_unaligned_t *)(const void *)c)->value;
  }
}

#endif
