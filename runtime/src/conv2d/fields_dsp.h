/* Blocks of 4 channels x 2 pixels with weights in fields of a halfword, one for each channel.
 *
 * The first three fields hold w + excess, so that AND leaves them where they are, and their sums come out times their
 * scale; the last one holds w with its sign, and what the whole halfword accumulates holds all four sums. The excess
 * is taken off with the sum of a pixel's inputs. Sums in r4 to r7 for one pixel, r8 to r11 for the other, in the order
 * of the fields, the last ones with all. `bias` holds starting sums of each block, `multiplier` per channel the factor
 * of EDGEQ_DSP_FINISH and the shift. 87 instructions for every 8 outputs start sums, separate, requantize and store
 * them.
 *
 * A kernel defines, before including this file,
 *   EDGEQ_FIELDS_TAPS_4          assembly of 4 taps: weights at r0, windows at r1, both advanced; r2, r3, r12, lr free
 *   EDGEQ_FIELDS_TAPS_4_BYTES    its bytes
 *   EDGEQ_FIELDS_SHIFT_1, 2, 3   logarithms of the scales of all fields but the first
 *   EDGEQ_FIELDS_EXCESS_SHIFT    logarithm of the excess
 *   EDGEQ_FIELDS_BITS            bits of a field
 *   EDGEQ_FIELDS_WEIGHT(w, i)    the fields that meet tap i of a window
 * and, after it, hands edgeq_fields_pair to edgeq_for_each_pair.
 */
#include "blocks_dsp.h"

#if defined(__ARM_FEATURE_DSP)

/* The sums a to d of a pixel without scales and excess; x: the excess times the sum of its inputs. */
/* clang-format off */
#define EDGEQ_FIELDS_SEPARATE(a, b, c, d, x)                  \
  "sub " d ", " d ", " a "\n"                                 \
  "sub " d ", " d ", " b "\n"                                 \
  "sub " d ", " d ", " c "\n"                                 \
  "sub " a ", " a ", " x "\n"                                 \
  "rsb " b ", " x ", " b ", asr #" EDGEQ_FIELDS_SHIFT_1 "\n"  \
  "rsb " c ", " x ", " c ", asr #" EDGEQ_FIELDS_SHIFT_2 "\n"  \
  "asr " d ", " d ", #" EDGEQ_FIELDS_SHIFT_3 "\n"
/* clang-format on */

#define EDGEQ_FIELDS_FINISH(first, second, offset)                                          \
  "ldrd r2, r3, [r1], #8\n" EDGEQ_DSP_FINISH(first, "r2", "r3", "lr", "[r12, #" offset "]") \
      EDGEQ_DSP_FINISH(second, "r2", "r3", "lr", "[r4, #" offset "]")

EDGEQ_NAKED static const int8_t *edgeq_fields_sum(__attribute__((unused)) const edgeq_blocks_t *blocks) {
  __asm__ volatile(
      ".syntax unified\n"
      "push {r4-r11, lr}\n"
      "ldm r0, {r1-r9}\n"
      /* The loop has 16 taps; where it is entered makes up for numbers of taps that are no multiple. */
      "sub r10, r2, r3\n"
      "ubfx r10, r10, #4, #2\n" /* - taps / 4 modulo 4 */
      "movs r11, #" EDGEQ_FIELDS_TAPS_4_BYTES "\n"
      "mul r10, r10, r11\n"
      "adr r11, 2f\n"
      "add r10, r10, r11\n"
      "orr r10, r10, #1\n"
      "push {r1-r10}\n"
      "mov r0, r1\n"
      "movs r10, #0\n"
      "movs r11, #0\n"
      "mov r12, #0x00010001\n"
      "0:\n"
      "ldm r2!, {r4-r7}\n"
      "smlad r10, r4, r12, r10\n"
      "smlad r11, r5, r12, r11\n"
      "smlad r10, r6, r12, r10\n"
      "smlad r11, r7, r12, r11\n"
      "cmp r2, r3\n"
      "bne 0b\n"
      "lsl r10, r10, #" EDGEQ_FIELDS_EXCESS_SHIFT "\n"
      "lsl r11, r11, #" EDGEQ_FIELDS_EXCESS_SHIFT "\n"
      "push {r10, r11}\n"
      "1:\n"
      "ldr r2, [sp, #20]\n"
      "ldr r1, [sp, #12]\n"
      "ldm r2!, {r4-r7}\n"
      "str r2, [sp, #20]\n"
      "mov r8, r4\n"
      "mov r9, r5\n"
      "mov r10, r6\n"
      "mov r11, r7\n"
      "ldr pc, [sp, #44]\n"
      ".balign 4\n"
      "2:\n"
      ".rept 4\n" EDGEQ_FIELDS_TAPS_4 ".endr\n"
      "ldr r2, [sp, #16]\n"
      "cmp r1, r2\n"
      "bne 2b\n"
      "ldrd r2, r3, [sp]\n" EDGEQ_FIELDS_SEPARATE("r4", "r5", "r6", "r7", "r2") EDGEQ_FIELDS_SEPARATE("r8", "r9", "r10", "r11", "r3")
      "ldr r1, [sp, #24]\n"
      "ldr r12, [sp, #32]\n"
      "ldr lr, [sp, #40]\n"
      "ldrd r2, r3, [r1], #8\n" EDGEQ_DSP_FINISH("r4", "r2", "r3", "lr", "[r12]")
      "ldr r4, [sp, #36]\n"
      "add r4, r4, r12\n" EDGEQ_DSP_FINISH("r8", "r2", "r3", "lr", "[r4]")
      EDGEQ_FIELDS_FINISH("r5", "r9", "1") EDGEQ_FIELDS_FINISH("r6", "r10", "2") EDGEQ_FIELDS_FINISH("r7", "r11", "3")
      "add r12, r12, #4\n"
      "str r12, [sp, #32]\n"
      "str r1, [sp, #24]\n"
      "ldr r2, [sp, #28]\n"
      "cmp r1, r2\n"
      "bne 1b\n"
      "add sp, sp, #48\n"
      "pop {r4-r11, pc}\n");
}

#else

static const int8_t *edgeq_fields_sum(const edgeq_blocks_t *b) {
  const uint32_t mask = (1U << EDGEQ_FIELDS_BITS) - 1;
  const int32_t taps = (int32_t)(b->windows_end - b->windows);
  const int8_t *weights = b->weights;
  const int32_t *bias = b->bias;
  int8_t *output = b->output;
  for (const int32_t *table = b->table; table != b->table_end; table += 8, bias += 4, output += 4) {
    for (int32_t pixel = 0; pixel < 2; pixel++) {
      uint32_t sums[4] = {(uint32_t)bias[0], (uint32_t)bias[1], (uint32_t)bias[2], (uint32_t)bias[3]}, inputs = 0;
      for (int32_t i = 0; i < taps; i++) {
        const uint32_t x = (uint32_t)edgeq_half(b->windows, (i & ~1) * 2 + 2 * pixel + (i & 1));
        const uint32_t w = (uint32_t)EDGEQ_FIELDS_WEIGHT(weights, i);
        for (int32_t c = 0; c < 3; c++) {
          sums[c] += (w & mask << (EDGEQ_FIELDS_BITS * c)) * x;
        }
        sums[3] += w * x;
        inputs += x;
      }
      sums[3] -= sums[0] + sums[1] + sums[2];
      for (int32_t c = 0; c < 4; c++) {
        const int32_t excess = c < 3 ? (int32_t)inputs * (1 << (EDGEQ_FIELDS_BITS - 1)) : 0;
        const int32_t sum = ((int32_t)sums[c] >> (EDGEQ_FIELDS_BITS * c)) - excess;
        output[pixel * b->step + c] = edgeq_dsp_round(sum, table[2 * c], table[2 * c + 1], b->zero_point);
      }
    }
    weights += taps * EDGEQ_FIELDS_BITS / 2;
  }
  return weights;
}

#endif

static void edgeq_fields_pair(const edgeq_conv2d_t *layer, const uint32_t *windows, int8_t *output, int32_t step) {
  edgeq_blocks_pair(layer, windows, output, step, 4, edgeq_fields_sum);
}
