/* Fully connected layer with 4-bit weights by blocks of 4 outputs.
 *
 * A halfword holds the weights of 4 outputs for one tap: u0 + 16 u1 + 256 u2 + 4096 w3, with u = w + 8. AND leaves one
 * of the first three where it is, so its sum comes out times 1, 16 or 256; the raw word accumulates all, and w3's sum
 * is what is left, times 4096, which must fit 32 bits. The 8s are taken off as 8 times the sum of the row's inputs.
 * Packed [o / 4][tap], taps in the order of inputs_dsp.h. `bias` holds starting sums of each block, b0, 16 b1, 256 b2
 * and the sum of these and 4096 b3; `multiplier` per output 2 m - 2^32 and the shift.
 *
 * Per 8 taps: 3 loads, 12 AND, 16 SMLAD for 32 MACs, plus 2 for every 32 taps: 0.98 instructions per MAC. 14 for every
 * output go into starting the sum, requantizing and storing. The limit is SMLAD (0.5), then AND.
 */
#define EDGEQ_INPUTS_TAP_BYTES 2
#define EDGEQ_INPUTS_EXCESS 8
#include "inputs_dsp.h"

/* Two taps: weights w, inputs x; sums in r4 to r7. */
#define TAPS_2(w, x)    \
  "smlad r7, " w ", " x \
  ", r7\n"              \
  "and r12, " w         \
  ", #0x000f000f\n"     \
  "smlad r4, r12, " x   \
  ", r4\n"              \
  "and r12, " w         \
  ", #0x00f000f0\n"     \
  "smlad r5, r12, " x   \
  ", r5\n"              \
  "and r12, " w         \
  ", #0x0f000f00\n"     \
  "smlad r6, r12, " x ", r6\n"
#define TAPS_8                                                                                                  \
  "ldm r1!, {r8-r11}\n"                                                                                         \
  "ldrd r2, r3, [r0], #8\n" TAPS_2("r2", "r8") TAPS_2("r3", "r9") "ldrd r2, r3, [r0], #8\n" TAPS_2("r2", "r10") \
      TAPS_2("r3", "r11")

#define FINISH(sum, factor, shift, address) EDGEQ_DSP_FINISH_ONCE(sum, factor, shift, "r12", address)

EDGEQ_NAKED static void sum_blocks(__attribute__((unused)) const edgeq_blocks_t *blocks) {
  __asm__ volatile(
      ".syntax unified\n"
      "push {r4-r11, lr}\n"
      "ldm r0, {r1-r11}\n"
      /* The loop has 32 taps; where it is entered makes up for numbers of taps that are no multiple. */
      "sub lr, r2, r3\n"
      "ubfx lr, lr, #4, #2\n" /* - taps / 8 modulo 4 */
      "movs r12, #124\n"      /* bytes of TAPS_8 */
      "mul lr, lr, r12\n"
      "adr r12, 2f\n"
      "add r12, r12, lr\n"
      "orr r12, r12, #1\n"
      "push {r1-r12}\n"
      "mov r0, r1\n"
      "mov lr, r3\n"
      "1:\n"
      "ldr r2, [sp, #12]\n"
      "ldr r1, [sp, #4]\n"
      "ldm r2!, {r4-r7}\n"
      "str r2, [sp, #12]\n"
      "ldr pc, [sp, #44]\n"
      ".balign 4\n"
      "2:\n" TAPS_8 TAPS_8 TAPS_8 TAPS_8
      "cmp r1, lr\n"
      "bne 2b\n"
      "ldrd r2, r3, [sp, #20]\n"
      "add r0, r0, r2\n"
      "cbz r3, 3f\n"
      "stm r3!, {r4-r7}\n"
      "str r3, [sp, #24]\n"
      "b 4f\n"
      "3:\n"
      "ldr r3, [sp, #40]\n"
      "sub r7, r7, r4\n"
      "sub r7, r7, r5\n"
      "sub r7, r7, r6\n"
      "sub r4, r4, r3\n"
      "rsb r5, r3, r5, asr #4\n"
      "rsb r6, r3, r6, asr #8\n"
      "asr r7, r7, #12\n"
      "ldrd r1, r2, [sp, #28]\n"
      "ldr r12, [sp, #36]\n"
      "ldm r1!, {r8-r11}\n" FINISH("r4", "r8", "r9", "[r2]") FINISH("r5", "r10", "r11", "[r2, #1]")
      "ldm r1!, {r8-r11}\n" FINISH("r6", "r8", "r9", "[r2, #2]") FINISH("r7", "r10", "r11", "[r2, #3]")
      "add r2, r2, #4\n"
      "strd r1, r2, [sp, #28]\n"
      "4:\n"
      "ldrd r2, r3, [sp, #12]\n"
      "cmp r2, r3\n"
      "bne 1b\n"
      "add sp, sp, #48\n"
      "pop {r4-r11, pc}\n");
}

void edgeq_dense_a8_w4_4ch__dsp(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  (void)scratch;
  edgeq_for_each_row(layer, input, output, sum_blocks);
}
