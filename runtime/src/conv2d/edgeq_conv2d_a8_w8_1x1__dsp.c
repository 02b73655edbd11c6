/* Convolution 1x1 of 8 or 16 channels, steps of 1: a pixel stays in registers while all output channels go by.
 *
 * `weights` holds per output channel words, weights as halfwords in the order of SXTB16 (taps 0, 2, then 1, 3):
 * factor of EDGEQ_DSP_FINISH, shift, bias, 4 words of weights for 8 channels; bias, 8 words of weights, factor, shift,
 * zero point for 16. So a channel is what LDM brings: 1 of them (8 channels) or 4 (16), SMLAD, requantization.
 *
 * Per output 11 instructions (8 channels: 1.4 per MAC) or 18 (16: 1.1), of which 6 requantize and store, and 0.75 for
 * the loop; 17 or 26 per pixel. The limits are SMLAD (0.5) and requantization. LDM takes a cycle per register.
 */
#include "edgeq/edgeq_conv2d.h"
#include "edgeq/edgeq_dsp.h"

typedef struct {
  const int8_t *input, *input_end;
  const int8_t *records;
  int8_t *output;
  int32_t skipped; /* bytes of code that the first turn leaves out */
  const int8_t *records_end;
  int32_t zero_point;
} edgeq_pixels_t;

#define WORDS_OF_8 7
#define WORDS_OF_16 12

#if defined(__ARM_FEATURE_DSP)

/* An output of 8 channels in r4 to r7, of 44 bytes. */
/* clang-format off */
#define OUTPUT_8                             \
  "ldm r0!, {r2, r3, r8-r12}\n"              \
  "smlad r8, r4, r9, r8\n"                   \
  "smlad r8, r5, r10, r8\n"                  \
  "smlad r8, r6, r11, r8\n"                  \
  "smlad r8, r7, r12, r8\n"                  \
  EDGEQ_DSP_FINISH("r8", "r2", "r3", "lr", "[r1], #1")

/* An output of 16 channels in r4 to r11, of 72 bytes. */
#define OUTPUT_16                            \
  "ldm r0!, {r2, r3, r12, lr}\n"             \
  "smlad r2, r4, r3, r2\n"                   \
  "smlad r2, r5, r12, r2\n"                  \
  "smlad r2, r6, lr, r2\n"                   \
  "ldm r0!, {r3, r12, lr}\n"                 \
  "smlad r2, r7, r3, r2\n"                   \
  "smlad r2, r8, r12, r2\n"                  \
  "smlad r2, r9, lr, r2\n"                   \
  "ldm r0!, {r3, r12}\n"                     \
  "smlad r2, r10, r3, r2\n"                  \
  "smlad r2, r11, r12, r2\n"                 \
  "ldm r0!, {r3, r12, lr}\n"                 \
  EDGEQ_DSP_FINISH("r2", "r3", "r12", "lr", "[r1], #1")

/* Four bytes from `word` to two words of halves. */
#define EXPAND(word, even, odd)              \
  "sxtb16 " even ", " word "\n"              \
  "sxtb16 " odd ", " word ", ror #8\n"
/* clang-format on */

/* On the stack: input, its end, records, [output], entry of the loop, end of the records. */
#define ENTER             \
  ".syntax unified\n"     \
  "push {r4-r11, lr}\n"   \
  "ldm r0, {r2-r7, lr}\n" \
  "mov r1, r5\n"          \
  "adr r5, 2f\n"          \
  "add r5, r5, r6\n"      \
  "orr r5, r5, #1\n"      \
  "mov r6, r7\n"          \
  "push {r2-r6}\n"        \
  ".p2align 2\n"          \
  "1:\n"                  \
  "ldr r2, [sp]\n"        \
  "ldr r0, [sp, #8]\n"

#define LEAVE           \
  "ldr r3, [sp, #16]\n" \
  "cmp r0, r3\n"        \
  "bne 2b\n"            \
  "ldrd r2, r3, [sp]\n" \
  "cmp r2, r3\n"        \
  "bne 1b\n"            \
  "add sp, sp, #20\n"   \
  "pop {r4-r11, pc}\n"

EDGEQ_NAKED static void pixels_of_8(__attribute__((unused)) const edgeq_pixels_t *p) {
  __asm__ volatile(ENTER
                   "ldr r3, [r2], #4\n"
                   "ldr r7, [r2], #4\n" EXPAND("r3", "r4", "r5") EXPAND("r7", "r6", "r7")
                   "str r2, [sp]\n"
                   "ldr pc, [sp, #12]\n"
                   ".p2align 2\n"
                   "2:\n"
                   ".rept 4\n" OUTPUT_8 ".endr\n" LEAVE);
}

EDGEQ_NAKED static void pixels_of_16(__attribute__((unused)) const edgeq_pixels_t *p) {
  __asm__ volatile(ENTER
                   "ldr r3, [r2], #4\n"
                   "ldr r7, [r2], #4\n"
                   "ldr r9, [r2], #4\n"
                   "ldr r11, [r2], #4\n" EXPAND("r3", "r4", "r5") EXPAND("r7", "r6", "r7") EXPAND("r9", "r8", "r9")
                       EXPAND("r11", "r10", "r11")
                   "str r2, [sp]\n"
                   "ldr pc, [sp, #12]\n"
                   ".p2align 2\n"
                   "2:\n"
                   ".rept 4\n" OUTPUT_16 ".endr\n" LEAVE);
}

#define BYTES_OF_8 44
#define BYTES_OF_16 72

#else

static void each(const edgeq_pixels_t *p, int32_t channels, int32_t words, int32_t factor, int32_t bias) {
  int8_t *output = p->output;
  const int32_t record = 4 * words, first = 4 * bias + 4;
  for (const int8_t *x = p->input; x != p->input_end; x += channels) {
    for (const int8_t *at = p->records; at != p->records_end; at += record) {
      const edgeq_unaligned_t *const word = (const edgeq_unaligned_t *)(const void *)at;
      int32_t sum = (int32_t)word[bias].value;
      for (int32_t i = 0; i < channels; i++) {
        sum += x[edgeq_sxtb16_place(i)] * edgeq_stored_half(at + first, i);
      }
      *output++ = edgeq_dsp_round(sum, (int32_t)word[factor].value, (int32_t)word[factor + 1].value, p->zero_point);
    }
  }
}

static void pixels_of_8(const edgeq_pixels_t *p) {
  each(p, 8, WORDS_OF_8, 0, 2);
}

static void pixels_of_16(const edgeq_pixels_t *p) {
  each(p, 16, WORDS_OF_16, 9, 0);
}

#define BYTES_OF_8 0
#define BYTES_OF_16 0

#endif

void edgeq_conv2d_a8_w8_1x1__dsp(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t channels = layer->out_c, skipped = -channels & 3, count = layer->out_h * layer->out_w;
  const int32_t is_16 = layer->in_c == 16;
  const int32_t record = 4 * (is_16 ? WORDS_OF_16 : WORDS_OF_8);
  const edgeq_pixels_t pixels = {input,
                                 input + count * layer->in_c,
                                 layer->weights,
                                 output,
                                 skipped * (is_16 ? BYTES_OF_16 : BYTES_OF_8),
                                 layer->weights + channels * record,
                                 layer->output_zero_point};
  (void)scratch;
  if (is_16) {
    pixels_of_16(&pixels);
  } else {
    pixels_of_8(&pixels);
  }
  edgeq_clamp_bytes(output, count * channels, layer->clamp_min, layer->clamp_max);
}
