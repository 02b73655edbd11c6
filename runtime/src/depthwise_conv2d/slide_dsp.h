/* The inner loops of the depthwise 3x3 kernels: one expands three lines to positions, one slides over those.
 *
 * Every position and channel becomes a word of the first two lines' values, and one with the third's. Then, per
 * channel, three positions in registers slide along; a sum replaces the word that is no longer needed. Last, two
 * channels at a time are requantized.
 *
 * `weights` holds 5 words per channel, channels in the order 0, 2, 1, 3 that SXTB16 gives: bytes w00 w01 w10 w11, then
 * w02 w20 w12 w21 (line of the three, then position), then the shift and w22, then factor and bias.
 *
 * Per output: 5.5 instructions for expanding, 8.7 for the sum (6 SMLAxy for 9 MACs), 8.5 for requantizing and storing;
 * 22 more per channel and piece. The limits are the bytes that must become pairs, and one requantization per 9 MACs.
 */
#include "edgeq/edgeq_dsp.h"
#include "piece_3x3.h"

#define POSITION 8 /* words per position: 4 channels of 2; span is 2 positions less than there are */
#define CHANNEL_WORDS 5

#if defined(__ARM_FEATURE_DSP)

/* One output: positions in registers a, b and c (first and second word); a new position is loaded over c first. */
/* clang-format off */
#define SLIDE(a0, a1, b0, b1, c0, c1)        \
  "ldrd " c0 ", " c1 ", [lr], #32\n"         \
  "smlad " a0 ", " a0 ", r0, r10\n"          \
  "smlabb " a0 ", " a1 ", r3, " a0 "\n"      \
  "smlad " a0 ", " b0 ", r1, " a0 "\n"       \
  "smlabt " a0 ", " b1 ", r3, " a0 "\n"      \
  "smlad " a0 ", " c0 ", r2, " a0 "\n"       \
  "smlabb " a0 ", " c1 ", r12, " a0 "\n"     \
  "str " a0 ", [lr, #-96]\n"
/* clang-format on */

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

/* Half of a position: two channels, from r8 to r10. */
/* clang-format off */
#define EXPAND_2(even, odd)             \
  "sxtb16 r6, r8" even "\n"             \
  "sxtb16 r7, r9" even "\n"             \
  "pkhbt r4, r6, r7, lsl #16\n"         \
  "pkhtb r6, r7, r6, asr #16\n"         \
  "sxtb16 r5, r10" even "\n"            \
  "sxtb16 r7, r10, ror #" odd "\n"      \
  "stm r0!, {r4-r7}\n"
/* clang-format on */

#if EXPAND_PLANE

/* Positions up to `end`, at least one: words of the first two lines and of the third, channels in the order 0, 2, 1, 3.
 * from: the three lines' words at the first position; step: bytes to those at the next. */
EDGEQ_NAKED static void expand(__attribute__((unused)) uint32_t *to, __attribute__((unused)) const uint32_t *end,
                               __attribute__((unused)) const uint32_t *from, __attribute__((unused)) int32_t step) {
  __asm__ volatile(
      ".syntax unified\n"
      "push {r4-r10, lr}\n"
      "1:\n"
      "ldm r2, {r8, r9, r10}\n"
      "add r2, r2, r3\n" EXPAND_2("", "16") EXPAND_2(", ror #8", "24")
      "cmp r0, r1\n"
      "bne 1b\n"
      "pop {r4-r10, pc}\n");
}

#else

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

#endif

#else

static void slide(const edgeq_piece_t *piece) {
  for (int32_t slot = 0; slot < 4; slot++) {
    const int8_t *const c = piece->channels + 4 * CHANNEL_WORDS * slot;
    const int32_t weights[3][3] = {{c[0], c[1], c[4]}, {c[2], c[3], c[6]}, {c[5], c[7], c[9]}};
    const edgeq_unaligned_t *const words = (const edgeq_unaligned_t *)(const void *)(c + 12);
    int8_t *output = piece->output + edgeq_sxtb16_place(slot);
    const uint32_t *const end = piece->positions + 2 * slot + piece->count / 4;
    for (const uint32_t *at = piece->positions + 2 * slot; at != end; at += POSITION, output += piece->step) {
      int32_t sum = (int32_t)words[1].value;
      for (int32_t i = 0; i < 3; i++) {
        sum += weights[0][i] * edgeq_half(at + i * POSITION, 0) + weights[1][i] * edgeq_half(at + i * POSITION, 1) +
               weights[2][i] * edgeq_half(at + i * POSITION, 2);
      }
      *output = edgeq_dsp_round(sum, (int32_t)words[0].value, c[8], piece->zero_point);
    }
  }
}

/* Position of three lines' words at a, b and c. */
static void put_position(uint32_t *to, const int8_t *a, const int8_t *b, const int8_t *c) {
  for (int32_t slot = 0; slot < 4; slot++) {
    const int32_t channel = edgeq_sxtb16_place(slot);
    to[2 * slot] = (uint32_t)(uint16_t)a[channel] | (uint32_t)(uint16_t)b[channel] << 16;
    to[2 * slot + 1] = (uint32_t)(uint16_t)c[channel];
  }
}

#if EXPAND_PLANE

static void expand(uint32_t *to, const uint32_t *end, const uint32_t *from, int32_t step) {
  for (const int8_t *at = (const int8_t *)from; to != end; to += POSITION, at += step) {
    put_position(to, at, at + 4, at + 8);
  }
}

#else

static void expand(uint32_t *to, const uint32_t *end, const edgeq_lines_t *lines) {
  for (int32_t i = 0; to != end; i++, to += POSITION) {
    put_position(to, lines->at[0] + i * lines->step[0], lines->at[1] + i * lines->step[1],
                 lines->at[2] + i * lines->step[2]);
  }
}

#endif

#endif
