/* Fully connected layer by blocks of 4 outputs.
 *
 * Weights of two outputs share a halfword as w0 + 256 w1: the raw word accumulates S0 + 256 S1, what SXTB16 makes of it
 * S0 alone; S1 is the difference / 256, which must fit 24 bits. Packed [o / 4][tap pair][2][2 taps], taps filled up to
 * a multiple of 8, in the order 0, 2, 1, 3 of every 4, which SXTB16 gives the inputs. Those are expanded to 16 bits on
 * the stack (see inputs_dsp.h). `bias` holds the
 * starting sums of every pair, b0 and b0 + 256 b1; `multiplier` per output 2 m - 2^32 and the shift.
 *
 * Per 8 taps: 3 LDM, 8 SXTB16, 16 SMLAD for 32 MACs, plus 3 for every 16 taps: 0.89 instructions per MAC. 11 for every
 * output go into starting the sum, requantizing and storing. The limit is SMLAD (0.5), then SXTB16 (0.25). Whole layers
 * on Cortex-M4: 640 -> 128 0.97, 256 -> 256 0.98.
 */
#define EDGEQ_INPUTS_TAP_BYTES 4
#define EDGEQ_INPUTS_EXCESS 0
#include "inputs_dsp.h"

#if defined(__ARM_FEATURE_DSP)

/* clang-format off */
/* Four taps: inputs in a and b, sums in r4 to r7. */
#define TAPS_4(a, b)               \
  "ldm r0!, {r2, r3, r12, lr}\n"   \
  "smlad r5, r2, " a ", r5\n"      \
  "smlad r7, r3, " a ", r7\n"      \
  "sxtb16 r2, r2\n"                \
  "sxtb16 r3, r3\n"                \
  "smlad r4, r2, " a ", r4\n"      \
  "smlad r6, r3, " a ", r6\n"      \
  "smlad r5, r12, " b ", r5\n"     \
  "smlad r7, lr, " b ", r7\n"      \
  "sxtb16 r12, r12\n"              \
  "sxtb16 lr, lr\n"                \
  "smlad r4, r12, " b ", r4\n"     \
  "smlad r6, lr, " b ", r6\n"
#define TAPS_8 "ldm r1!, {r8-r11}\n" TAPS_4("r8", "r9") TAPS_4("r10", "r11")
/* clang-format on */

#define FINISH(sum, factor, shift, address) EDGEQ_DSP_FINISH_ONCE(sum, factor, shift, "lr", address)

EDGEQ_NAKED static void sum_blocks(__attribute__((unused)) const edgeq_blocks_t *blocks) {
  __asm__ volatile(
      ".syntax unified\n"
      "push {r4-r11, lr}\n"
      "ldm r0, {r1-r10}\n"
      /* The loop has 16 taps; an odd number of 8 enters it half-way. */
      "sub r11, r3, r2\n"
      "adr r12, 2f\n"
      "tst r11, #16\n"
      "it ne\n"
      "addne r12, r12, #108\n" /* bytes of TAPS_8 */
      "orr r11, r12, #1\n"
      "push {r1-r11}\n"
      "mov r0, r1\n"
      "1:\n"
      "ldr r2, [sp, #12]\n"
      "ldr r1, [sp, #4]\n"
      "ldm r2!, {r4-r7}\n"
      "str r2, [sp, #12]\n"
      "ldr pc, [sp, #40]\n"
      ".balign 4\n"
      "2:\n"
      ".rept 2\n" TAPS_8 ".endr\n"
      "ldr r2, [sp, #8]\n"
      "cmp r1, r2\n"
      "bne 2b\n"
      "ldr r2, [sp, #20]\n"
      "add r0, r0, r2\n"
      "ldr r3, [sp, #24]\n"
      "cbz r3, 3f\n"
      "stm r3!, {r4-r7}\n"
      "str r3, [sp, #24]\n"
      "b 4f\n"
      "3:\n"
      "ldr r1, [sp, #28]\n"
      "ldr r2, [sp, #32]\n"
      "ldr lr, [sp, #36]\n"
      "ldm r1!, {r8-r11}\n"
      "sub r5, r5, r4\n"
      "asr r5, r5, #8\n" FINISH("r4", "r8", "r9", "[r2]") FINISH("r5", "r10", "r11", "[r2, #1]")
      "ldm r1!, {r8-r11}\n"
      "sub r7, r7, r6\n"
      "asr r7, r7, #8\n" FINISH("r6", "r8", "r9", "[r2, #2]") FINISH("r7", "r10", "r11", "[r2, #3]")
      "add r2, r2, #4\n"
      "strd r1, r2, [sp, #28]\n"
      "4:\n"
      "ldrd r2, r3, [sp, #12]\n"
      "cmp r2, r3\n"
      "bne 1b\n"
      "add sp, sp, #44\n"
      "pop {r4-r11, pc}\n");
}

#else

static void sum_blocks(const edgeq_blocks_t *b) {
  const int32_t taps = 2 * (int32_t)(b->inputs_end - b->inputs);
  const int8_t *weights = b->weights;
  const int32_t *table = b->table;
  int32_t *waiting = b->sums_output;
  int8_t *output = b->output;
  for (const int32_t *from = b->sums; from != b->sums_end; from += 4) {
    uint32_t sums[4] = {(uint32_t)from[0], (uint32_t)from[1], (uint32_t)from[2], (uint32_t)from[3]};
    for (int32_t i = 0; i < taps; i++) {
      const int32_t x = edgeq_half(b->inputs, i);
      for (int32_t pair = 0; pair < 2; pair++) {
        const int32_t w = edgeq_stored_half(weights, (i & ~1) * 2 + 2 * pair + (i & 1));
        sums[2 * pair] += (uint32_t)((int8_t)w * x);
        sums[2 * pair + 1] += (uint32_t)(w * x);
      }
    }
    weights += taps * EDGEQ_INPUTS_TAP_BYTES + b->weights_step;
    for (int32_t c = 0; waiting != 0 && c < 4; c++) {
      *waiting++ = (int32_t)sums[c];
    }
    for (int32_t c = 0; waiting == 0 && c < 4; c++, table += 2) {
      const int32_t sum = (c & 1) != 0 ? (int32_t)(sums[c] - sums[c - 1]) >> 8 : (int32_t)sums[c];
      *output++ = edgeq_dsp_round_once(sum, table[0], table[1], b->zero_point);
    }
  }
}

#endif

void edgeq_dense_a8_w8_4ch__dsp(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  (void)scratch;
  edgeq_for_each_row(layer, input, output, sum_blocks);
}
