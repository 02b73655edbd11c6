/* Blocks of 4 outputs with weights in fields of a halfword, one for each output.
 *
 * The first three fields hold w + excess, so that AND leaves them where they are, and their sums come out times their
 * scale; the last one holds w with its sign, and what the whole halfword accumulates holds all four sums. The excess
 * is taken off with the sum of the row's inputs. Sums in r4 to r7 in the order of the fields, r7 with all. `bias` holds
 * starting sums of each block, `multiplier` per output 2 m - 2^32 and the shift. 14 instructions per output start the
 * sum, separate, requantize and store it.
 *
 * A kernel defines, before including this file, what inputs_dsp.h asks for and
 *   EDGEQ_FIELDS_TAPS_8          assembly of 8 taps: weights at r0, inputs at r1, both advanced; r2, r3, r8 to r12 free
 *   EDGEQ_FIELDS_TAPS_8_BYTES    its bytes
 *   EDGEQ_FIELDS_SHIFT_1, 2, 3   logarithms of the scales of all fields but the first
 *   EDGEQ_FIELDS_BITS            bits of a field
 *   EDGEQ_FIELDS_WEIGHT(w, i)    the fields that meet input i
 * and, after it, hands edgeq_fields_sum to edgeq_for_each_row.
 */
#include "inputs_dsp.h"

#if defined(__ARM_FEATURE_DSP)

#define EDGEQ_FIELDS_FINISH(sum, factor, shift, address) EDGEQ_DSP_FINISH_ONCE(sum, factor, shift, "r12", address)

EDGEQ_NAKED static void edgeq_fields_sum(__attribute__((unused)) const edgeq_blocks_t *blocks) {
  __asm__ volatile(
      ".syntax unified\n"
      "push {r4-r11, lr}\n"
      "ldm r0, {r1-r11}\n"
      /* The loop has 64 taps; where it is entered makes up for numbers of taps that are no multiple. */
      "sub lr, r2, r3\n"
      "ubfx lr, lr, #4, #3\n" /* - taps / 8 modulo 8 */
      "movs r12, #" EDGEQ_FIELDS_TAPS_8_BYTES "\n"
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
      "2:\n"
      ".rept 8\n" EDGEQ_FIELDS_TAPS_8 ".endr\n"
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
      "rsb r5, r3, r5, asr #" EDGEQ_FIELDS_SHIFT_1 "\n"
      "rsb r6, r3, r6, asr #" EDGEQ_FIELDS_SHIFT_2 "\n"
      "asr r7, r7, #" EDGEQ_FIELDS_SHIFT_3 "\n"
      "ldrd r1, r2, [sp, #28]\n"
      "ldr r12, [sp, #36]\n"
      "ldm r1!, {r8-r11}\n" EDGEQ_FIELDS_FINISH("r4", "r8", "r9", "[r2]") EDGEQ_FIELDS_FINISH("r5", "r10", "r11", "[r2, #1]")
      "ldm r1!, {r8-r11}\n" EDGEQ_FIELDS_FINISH("r6", "r8", "r9", "[r2, #2]") EDGEQ_FIELDS_FINISH("r7", "r10", "r11", "[r2, #3]")
      "add r2, r2, #4\n"
      "strd r1, r2, [sp, #28]\n"
      "4:\n"
      "ldrd r2, r3, [sp, #12]\n"
      "cmp r2, r3\n"
      "bne 1b\n"
      "add sp, sp, #48\n"
      "pop {r4-r11, pc}\n");
}

#else

static void edgeq_fields_sum(const edgeq_blocks_t *b) {
  const uint32_t mask = (1U << EDGEQ_FIELDS_BITS) - 1;
  const int32_t taps = 2 * (int32_t)(b->inputs_end - b->inputs);
  const int8_t *weights = b->weights;
  const int32_t *table = b->table;
  int32_t *waiting = b->sums_output;
  int8_t *output = b->output;
  for (const int32_t *from = b->sums; from != b->sums_end; from += 4) {
    uint32_t sums[4] = {(uint32_t)from[0], (uint32_t)from[1], (uint32_t)from[2], (uint32_t)from[3]};
    for (int32_t i = 0; i < taps; i++) {
      const uint32_t x = (uint32_t)edgeq_half(b->inputs, i), w = (uint32_t)EDGEQ_FIELDS_WEIGHT(weights, i);
      for (int32_t c = 0; c < 3; c++) {
        sums[c] += (w & mask << (EDGEQ_FIELDS_BITS * c)) * x;
      }
      sums[3] += w * x;
    }
    weights += taps * EDGEQ_INPUTS_TAP_BYTES + b->weights_step;
    for (int32_t c = 0; waiting != 0 && c < 4; c++) {
      *waiting++ = (int32_t)sums[c];
    }
    sums[3] -= sums[0] + sums[1] + sums[2];
    for (int32_t c = 0; waiting == 0 && c < 4; c++, table += 2) {
      const int32_t sum = ((int32_t)sums[c] >> (EDGEQ_FIELDS_BITS * c)) - (c < 3 ? b->excess : 0);
      *output++ = edgeq_dsp_round_once(sum, table[0], table[1], b->zero_point);
    }
  }
}

#endif
