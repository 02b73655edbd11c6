/* Convolution by blocks of 2 channels x 2 pixels, for weights and sums of any size.
 *
 * Weights are packed [o / 2][tap / 4][2][4], taps filled up to a multiple of 4; SXTB16 gives every 4 the order of
 * windows_dsp.h. `multiplier` holds per channel the factor of EDGEQ_DSP_FINISH and the shift.
 *
 * Per four taps: LDM, LDRD, 4 SXTB16, 8 SMLAD for 16 MACs, plus 2 for every 16 taps: 0.91 instructions per MAC. 46 for
 * every 4 outputs go into starting sums, requantizing and storing. The limit is SMLAD (0.5), then SXTB16. Whole layers
 * on Cortex-M4: 3x3 64 -> 64 0.96, 1x1 64 -> 64 1.13.
 */
#include "blocks_dsp.h"

/* clang-format off */
#if defined(__ARM_FEATURE_DSP)

/* Four taps: r2, r3 weights, r8 to r11 pixels; sums in r4, r5 (first channel) and r6, r7. */
#define CHANNEL(w, a, b)                 \
  "sxtb16 r12, " w "\n"                  \
  "smlad " a ", r12, r8, " a "\n"        \
  "smlad " b ", r12, r9, " b "\n"        \
  "sxtb16 " w ", " w ", ror #8\n"        \
  "smlad " a ", " w ", r10, " a "\n"     \
  "smlad " b ", " w ", r11, " b "\n"
#define TAPS_4 "ldm r1!, {r8-r11}\nldrd r2, r3, [r0], #8\n" CHANNEL("r2", "r4", "r5") CHANNEL("r3", "r6", "r7")
/* clang-format on */

EDGEQ_NAKED static const int8_t *sum_blocks(__attribute__((unused)) const edgeq_blocks_t *blocks) {
  __asm__ volatile(
      ".syntax unified\n"
      "push {r4-r11, lr}\n"
      "ldm r0, {r1-r9}\n"
      /* The loop has 16 taps; where it is entered makes up for numbers of taps that are no multiple. */
      "sub r10, r2, r3\n"
      "ubfx r10, r10, #4, #2\n" /* - taps / 4 modulo 4 */
      "movs r11, #56\n"         /* bytes of TAPS_4 */
      "mul r10, r10, r11\n"
      "adr r11, 2f\n"
      "add r10, r10, r11\n"
      "orr r10, r10, #1\n"
      "push {r1-r10}\n"
      "mov r0, r1\n"
      "mov lr, r3\n"
      "1:\n"
      "ldr r2, [sp, #12]\n"
      "ldr r1, [sp, #4]\n"
      "ldrd r4, r6, [r2], #8\n"
      "str r2, [sp, #12]\n"
      "mov r5, r4\n"
      "mov r7, r6\n"
      "ldr pc, [sp, #36]\n"
      ".balign 4\n"
      "2:\n"
      ".rept 4\n" TAPS_4 ".endr\n"
      "cmp r1, lr\n"
      "bne 2b\n"
      "ldr r1, [sp, #16]\n"
      "ldrd r2, r3, [sp, #24]\n"
      "ldr r12, [sp, #32]\n"
      "ldm r1!, {r8-r11}\n"
      "add r3, r3, r2\n" EDGEQ_DSP_FINISH("r4", "r8", "r9", "r12", "[r2]")
          EDGEQ_DSP_FINISH("r5", "r8", "r9", "r12", "[r3]") EDGEQ_DSP_FINISH("r6", "r10", "r11", "r12", "[r2, #1]")
              EDGEQ_DSP_FINISH("r7", "r10", "r11", "r12", "[r3, #1]")
      "add r2, r2, #2\n"
      "str r2, [sp, #24]\n"
      "str r1, [sp, #16]\n"
      "ldr r2, [sp, #20]\n"
      "cmp r1, r2\n"
      "bne 1b\n"
      "add sp, sp, #40\n"
      "pop {r4-r11, pc}\n");
}

#else

static const int8_t *sum_blocks(const edgeq_blocks_t *b) {
  const int32_t taps = (int32_t)(b->windows_end - b->windows);
  const int8_t *weights = b->weights;
  const int32_t *bias = b->bias;
  int8_t *output = b->output;
  for (const int32_t *table = b->table; table != b->table_end;
       table += 4, bias += 2, weights += 2 * taps, output += 2) {
    for (int32_t j = 0; j < 4; j++) { /* two pixels of two channels */
      const int32_t pixel = j & 1, channel = j >> 1;
      int32_t sum = bias[channel];
      for (int32_t i = 0; i < taps; i++) {
        const int32_t x = edgeq_half(b->windows, (i & ~1) * 2 + 2 * pixel + (i & 1));
        sum += weights[(i & ~3) + edgeq_sxtb16_place(i) + 4 * channel] * x;
      }
      output[pixel * b->step + channel] =
          edgeq_dsp_round(sum, table[2 * channel], table[2 * channel + 1], b->zero_point);
    }
  }
  return weights;
}

#endif

static void pair(const edgeq_conv2d_t *layer, const uint32_t *windows, int8_t *output, int32_t step) {
  edgeq_blocks_pair(layer, windows, output, step, 2, sum_blocks);
}

void edgeq_conv2d_a8_w8_2x2__dsp(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  edgeq_for_each_pair(layer, input, output, scratch, pair);
}
