/* Convolution with 4-bit weights by blocks of 4 channels x 2 pixels.
 *
 * A halfword holds the weights of 4 channels for one tap: u0 + 16 u1 + 256 u2 + 4096 w3, with u = w + 8. AND leaves one
 * of the first three where it is, so its sum comes out times 1, 16 or 256; the raw word accumulates all, and w3's sum
 * is what is left, times 4096, which must fit 32 bits. The 8s are taken off as 8 times the sum of a pixel's inputs.
 * Packed [o / 4][tap], taps in the order of windows_dsp.h. `bias` holds starting sums of each block, b0, 16 b1, 256 b2
 * and the sum of these and 4096 b3; `multiplier` per channel the factor of EDGEQ_DSP_FINISH and the shift.
 *
 * Per two taps: LDR, LDRD, 3 AND, 8 SMLAD for 16 MACs, plus 3 for every 16 taps: 0.84 instructions per MAC. 88 for
 * every 8 outputs go into starting sums, requantizing and storing. The limit is SMLAD (0.5), then AND.
 */
#include "windows_dsp.h"

typedef struct {
  const int8_t *weights;
  const uint32_t *windows, *windows_end;
  const int32_t *bias, *table, *table_end; /* 4 and 8 words per block of channels */
  int8_t *output;
  int32_t step, zero_point;
} edgeq_blocks_t;

/* The sums of one pixel times a weight in `w`. */
#define ADD(w, a, b) "smlad " a ", " w ", r12, " a "\nsmlad " b ", " w ", lr, " b "\n"

/* Two taps: r2 weights, r12, lr pixels; sums in r4 to r7 and r8 to r11. */
#define TAPS_2                                                                                                        \
  "ldr r2, [r0], #4\n"                                                                                                \
  "ldrd r12, lr, [r1], #8\n" ADD("r2", "r7", "r11") "and r3, r2, #0x000f000f\n" ADD(                                  \
      "r3", "r4", "r8") "and r3, r2, #0x00f000f0\n" ADD("r3", "r5", "r9") "and r3, r2, #0x0f000f00\n" ADD("r3", "r6", \
                                                                                                          "r10")
#define TAPS_4 TAPS_2 TAPS_2

/* The sums a to d of a pixel without scales and 8s; x8: 8 times the sum of its inputs. */
#define SEPARATE(a, b, c, d, x8) \
  "sub " d ", " d ", " a         \
  "\n"                           \
  "sub " d ", " d ", " b         \
  "\n"                           \
  "sub " d ", " d ", " c         \
  "\n"                           \
  "sub " a ", " a ", " x8        \
  "\n"                           \
  "rsb " b ", " x8 ", " b        \
  ", asr #4\n"                   \
  "rsb " c ", " x8 ", " c        \
  ", asr #8\n"                   \
  "asr " d ", " d ", #12\n"

#define FINISH(first, second, offset)                                                       \
  "ldrd r2, r3, [r1], #8\n" EDGEQ_DSP_FINISH(first, "r2", "r3", "lr", "[r12, #" offset "]") \
      EDGEQ_DSP_FINISH(second, "r2", "r3", "lr", "[r4, #" offset "]")

EDGEQ_NAKED static const int8_t *sum_blocks(__attribute__((unused)) const edgeq_blocks_t *blocks) {
  __asm__ volatile(
      ".syntax unified\n"
      "push {r4-r11, lr}\n"
      "ldm r0, {r1-r9}\n"
      /* The loop has 16 taps; where it is entered makes up for numbers of taps that are no multiple. */
      "sub r10, r2, r3\n"
      "ubfx r10, r10, #4, #2\n" /* - taps / 4 modulo 4 */
      "movs r11, #104\n"        /* bytes of TAPS_4 */
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
      "lsl r10, r10, #3\n"
      "lsl r11, r11, #3\n"
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
      "2:\n" TAPS_4 TAPS_4 TAPS_4 TAPS_4
      "ldr r2, [sp, #16]\n"
      "cmp r1, r2\n"
      "bne 2b\n"
      "ldrd r2, r3, [sp]\n" SEPARATE("r4", "r5", "r6", "r7", "r2") SEPARATE("r8", "r9", "r10", "r11", "r3")
      "ldr r1, [sp, #24]\n"
      "ldr r12, [sp, #32]\n"
      "ldr lr, [sp, #40]\n"
      "ldrd r2, r3, [r1], #8\n" EDGEQ_DSP_FINISH("r4", "r2", "r3", "lr", "[r12]")
      "ldr r4, [sp, #36]\n"
      "add r4, r4, r12\n" EDGEQ_DSP_FINISH("r8", "r2", "r3", "lr", "[r4]")
      FINISH("r5", "r9", "1") FINISH("r6", "r10", "2") FINISH("r7", "r11", "3")
      "add r12, r12, #4\n"
      "str r12, [sp, #32]\n"
      "str r1, [sp, #24]\n"
      "ldr r2, [sp, #28]\n"
      "cmp r1, r2\n"
      "bne 1b\n"
      "add sp, sp, #48\n"
      "pop {r4-r11, pc}\n");
}

static void pair(const edgeq_conv2d_t *layer, const uint32_t *windows, int8_t *output, int32_t step) {
  const int32_t channels = layer->out_c, full = channels & ~3, zero_point = layer->output_zero_point;
  const uint32_t *const end = windows + ((layer->kernel_h * layer->kernel_w * layer->in_c + 3) & ~3);
  const int32_t *const table = layer->multiplier, *const rest = table + 2 * full;
  const int8_t *weights = layer->weights;
  if (full != 0) {
    const edgeq_blocks_t blocks = {weights, windows, end, layer->bias, table, rest, output, step, zero_point};
    weights = sum_blocks(&blocks);
  }
  if (full != channels) { /* a block that is not full must not be stored whole */
    int8_t last[8];
    const edgeq_blocks_t blocks = {weights, windows, end, layer->bias + full, rest, rest + 8, last, 4, zero_point};
    sum_blocks(&blocks);
    for (int32_t i = full; i < channels; i++) {
      output[i] = last[i - full];
      output[step + i] = last[i - full + 4];
    }
  }
  edgeq_clamp_bytes(output, step + channels, layer->clamp_min, layer->clamp_max);
}

void edgeq_conv2d_a8_w4_4x2__dsp(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  edgeq_for_each_pair(layer, input, output, scratch, pair);
}
