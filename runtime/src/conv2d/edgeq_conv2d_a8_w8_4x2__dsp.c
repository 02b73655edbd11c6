/* Convolution by blocks of 4 channels x 2 pixels.
 *
 * Weights of two channels share a halfword as w0 + 256 w1: the raw word accumulates S0 + 256 S1, what SXTB16 makes of
 * it S0 alone; S1 is the difference / 256, which must fit 24 bits. Packed [o / 4][tap pair][2][2 taps], taps in the
 * order of windows_dsp.h. `multiplier` holds per channel the factor of EDGEQ_DSP_FINISH and bias * 256 + shift.
 *
 * Per two taps: 2 LDRD, 2 SXTB16, 8 SMLAD for 16 MACs, plus 3 for every 16 taps: 0.77 instructions per MAC. 81 for
 * every 8 outputs go into starting sums, requantizing and storing. The limit is SMLAD (0.5), then loads; 14 registers
 * are in use. Whole layers on Cortex-M4: 3x3 64 -> 64 0.83, 3x3 16 -> 16 1.02, 1x1 64 -> 64 0.98, 3x3 3 -> 16 1.7.
 */
#include "windows_dsp.h"

typedef struct {
  const int8_t *weights;
  const uint32_t *windows, *windows_end;
  const int32_t *table, *table_end; /* 8 words per block of channels */
  int8_t *output;
  int32_t step, zero_point;
} edgeq_blocks_t;

#if defined(__ARM_FEATURE_DSP)

/* Two taps: r2, r3 weights, r12, lr pixels; sums in r4 to r11. */
#define TAPS_2                \
  "ldrd r2, r3, [r0], #8\n"   \
  "ldrd r12, lr, [r1], #8\n"  \
  "smlad r6, r2, r12, r6\n"   \
  "smlad r7, r2, lr, r7\n"    \
  "sxtb16 r2, r2\n"           \
  "smlad r10, r3, r12, r10\n" \
  "smlad r11, r3, lr, r11\n"  \
  "sxtb16 r3, r3\n"           \
  "smlad r4, r2, r12, r4\n"   \
  "smlad r5, r2, lr, r5\n"    \
  "smlad r8, r3, r12, r8\n"   \
  "smlad r9, r3, lr, r9\n"
#define TAPS_4 TAPS_2 TAPS_2

/* Two channels from the sums a, b (plain) and c, d (paired), and the words m0, k0, m1, k1 that lie in their registers.
 */
/* clang-format off */
#define START(a, b, c, d)       \
  "asr " a ", " b ", #8\n"      \
  "mov " b ", " a "\n"          \
  "add " c ", " d ", " a "\n"   \
  "mov " d ", " c "\n"
/* clang-format on */

#define FINISH(sum, address) EDGEQ_DSP_FINISH(sum, "r2", "r3", "lr", address)

EDGEQ_NAKED static const int8_t *sum_blocks(__attribute__((unused)) const edgeq_blocks_t *blocks) {
  __asm__ volatile(
      ".syntax unified\n"
      "push {r4-r11, lr}\n"
      "ldm r0, {r1-r8}\n"
      /* The loop has 16 taps; where it is entered makes up for numbers of taps that are no multiple. */
      "sub r9, r2, r3\n"
      "ubfx r9, r9, #4, #2\n" /* - taps / 4 modulo 4 */
      "movs r10, #96\n"       /* bytes of TAPS_4 */
      "mul r9, r9, r10\n"
      "adr r10, 2f\n"
      "add r9, r9, r10\n"
      "orr r9, r9, #1\n"
      "push {r1-r9}\n"
      "mov r0, r1\n"
      "1:\n"
      "ldr r2, [sp, #12]\n"
      "ldr r1, [sp, #4]\n"
      "ldm r2, {r4-r11}\n" START("r4", "r5", "r6", "r7") START("r8", "r9", "r10", "r11") "ldr pc, [sp, #32]\n"
      ".balign 4\n"
      "2:\n"
      ".rept 4\n" TAPS_4 ".endr\n"
      "ldr r2, [sp, #8]\n"
      "cmp r1, r2\n"
      "bne 2b\n"
      "ldr r1, [sp, #12]\n"
      "ldr r12, [sp, #20]\n"
      "ldr lr, [sp, #28]\n"
      "sub r6, r6, r4\n"
      "sub r7, r7, r5\n"
      "sub r10, r10, r8\n"
      "sub r11, r11, r9\n"
      "ldrd r2, r3, [r1], #8\n" FINISH("r4", "[r12]") "ldr r4, [sp, #24]\n"
      "add r4, r4, r12\n" FINISH("r5", "[r4]") "ldrd r2, r3, [r1], #8\n"
      "asr r6, r6, #8\n" FINISH("r6", "[r12, #1]") "asr r7, r7, #8\n" FINISH("r7", "[r4, #1]") "ldrd r2, r3, [r1], #8\n"
      FINISH("r8", "[r12, #2]") FINISH("r9", "[r4, #2]") "ldrd r2, r3, [r1], #8\n"
      "asr r10, r10, #8\n" FINISH("r10", "[r12, #3]") "asr r11, r11, #8\n" FINISH("r11", "[r4, #3]") "add r12, r12, #4\n"
      "str r12, [sp, #20]\n"
      "str r1, [sp, #12]\n"
      "ldr r2, [sp, #16]\n"
      "cmp r1, r2\n"
      "bne 1b\n"
      "add sp, sp, #36\n"
      "pop {r4-r11, pc}\n");
}

#else

static const int8_t *sum_blocks(const edgeq_blocks_t *b) {
  const int32_t taps = (int32_t)(b->windows_end - b->windows);
  const int8_t *weights = b->weights;
  int8_t *output = b->output;
  for (const int32_t *table = b->table; table != b->table_end; table += 8, weights += 4 * taps, output += 4) {
    for (int32_t j = 0; j < 4; j++) { /* two pixels of two pairs of channels */
      const int32_t pixel = j & 1, pair = j >> 1;
      const int32_t *const words = table + 4 * pair;
      int32_t low = words[1] >> 8, high = words[3] >> 8;
      for (int32_t i = 0; i < taps; i++) {
        const int32_t x = edgeq_half(b->windows, (i & ~1) * 2 + 2 * pixel + (i & 1));
        const int32_t w = edgeq_stored_half(weights, (i & ~1) * 2 + 2 * pair + (i & 1));
        low += (int8_t)w * x;
        high += ((w - (int8_t)w) >> 8) * x;
      }
      int8_t *const out = output + pixel * b->step + 2 * pair;
      out[0] = edgeq_dsp_round(low, words[0], words[1], b->zero_point);
      out[1] = edgeq_dsp_round(high, words[2], words[3], b->zero_point);
    }
  }
  return weights;
}

#endif

static void pair(const edgeq_conv2d_t *layer, const uint32_t *windows, int8_t *output, int32_t step) {
  const int32_t channels = layer->out_c, full = channels & ~3, zero_point = layer->output_zero_point;
  const uint32_t *const end = windows + ((layer->kernel_h * layer->kernel_w * layer->in_c + 3) & ~3);
  const int8_t *weights = layer->weights;
  const int32_t *const table = layer->multiplier;
  if (full != 0) {
    const edgeq_blocks_t blocks = {weights, windows, end, table, table + 2 * full, output, step, zero_point};
    weights = sum_blocks(&blocks);
  }
  if (full != channels) { /* a block that is not full must not be stored whole */
    int8_t last[8];
    const int32_t *const rest = table + 2 * full;
    const edgeq_blocks_t blocks = {weights, windows, end, rest, rest + 8, last, 4, zero_point};
    sum_blocks(&blocks);
    for (int32_t i = full; i < channels; i++) {
      output[i] = last[i - full];
      output[step + i] = last[i - full + 4];
    }
  }
  edgeq_clamp_bytes(output, step + channels, layer->clamp_min, layer->clamp_max);
}

void edgeq_conv2d_a8_w8_4x2__dsp(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  edgeq_for_each_pair(layer, input, output, scratch, pair);
}
