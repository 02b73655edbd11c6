/* Depthwise convolution by blocks of 4 channels, one pixel at a time; depth multiplier 1, windows of up to 30 taps:
 * what the kernels for Cortex-M4 and for Cortex-M3 share.
 *
 * After a line of zero points (see taps.h), `weights` holds per block the 4 biases as words, [tap][4] weights, and
 * factor and shift of each channel as words: one stream in the order of reading.
 *
 * A kernel includes the header of its assembly, and defines, before including this file,
 *   EDGEQ_STREAM_ASSEMBLY  1 where its core is compiled for, and then
 *   TAP        assembly of one tap: table at r1, weights at r0, both advanced, r2 the block's offset, sums in r4 to r7;
 *              r3, r8, r9, r12 free
 *   FINISH_4   requantizes and stores r4 to r7 at r11, by factors and shifts at r0, advanced; lr the zero point
 * and hands `pixel` to edgeq_for_each_pixel.
 */
#include "taps.h"

typedef struct {
  const int8_t *blocks;
  const int8_t *const *table, *const *table_end; /* where each tap's channels lie */
  int8_t *output;
  int32_t channels, zero_point;
} edgeq_pixel_t;

#if EDGEQ_STREAM_ASSEMBLY

__attribute__((naked, noinline)) static void sum_blocks(__attribute__((unused)) const edgeq_pixel_t *pixel) {
  __asm__ volatile(
      ".syntax unified\n"
      "push {r4-r11, lr}\n"
      "ldm r0, {r0, r1, r10, r11, r12, lr}\n"
      "push {r1, r12}\n"
      "movs r2, #0\n"
      "1:\n"
      "ldm r0!, {r4-r7}\n"
      "ldr r1, [sp]\n"
      "2:\n"
      ".rept 3\n" TAP
      ".endr\n"
      "cmp r1, r10\n"
      "bne 2b\n" FINISH_4
      "add r11, r11, #4\n"
      "add r2, r2, #4\n"
      "ldr r3, [sp, #4]\n"
      "cmp r2, r3\n"
      "bne 1b\n"
      "add sp, sp, #8\n"
      "pop {r4-r11, pc}\n");
}

#else

static void sum_blocks(const edgeq_pixel_t *p) {
  const int8_t *stream = p->blocks;
  for (int32_t c = 0; c < p->channels; c += 4) {
    const edgeq_unaligned_t *const bias = (const edgeq_unaligned_t *)(const void *)stream;
    int32_t sums[4] = {(int32_t)bias[0].value, (int32_t)bias[1].value, (int32_t)bias[2].value, (int32_t)bias[3].value};
    stream += 16;
    for (const int8_t *const *tap = p->table; tap != p->table_end; tap++, stream += 4) {
      for (int32_t i = 0; i < 4; i++) {
        sums[i] += (*tap)[c + i] * stream[i];
      }
    }
    for (int32_t i = 0; i < 4; i++, stream += 8) {
      const edgeq_unaligned_t *const words = (const edgeq_unaligned_t *)(const void *)stream;
      p->output[c + i] = edgeq_dsp_round(sums[i], (int32_t)words[0].value, (int32_t)words[1].value, p->zero_point);
    }
  }
}

#endif

static void pixel(const edgeq_depthwise_conv2d_t *layer, const int8_t *const *from, const int8_t *const *end,
                  const int8_t *weights, int8_t *output) {
  const edgeq_pixel_t all = {weights, from, end, output, layer->in_c, layer->output_zero_point};
  sum_blocks(&all);
  edgeq_clamp_bytes(output, layer->in_c, layer->clamp_min, layer->clamp_max);
}
