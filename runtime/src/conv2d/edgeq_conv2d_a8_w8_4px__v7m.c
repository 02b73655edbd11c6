/* Convolution of 4 pixels at a time, two of them per multiplication.
 *
 * A word of the window holds two pixels as x0 + 65536 x1. Times a weight, over two taps, and with 32768 added, the low
 * half stays within 16 bits (2 * 127 * 128 < 32768), so the high half is the second pixel's part exactly: it is added
 * to S1, and the whole to R, which becomes S0 + 65536 S1 (modulo 2^32) and gives S0 at the end. The excess of 32768 is
 * in R's starting value. Where every four weights of a channel are small enough (sum of sizes <= 255), four taps go
 * between two such additions. `weights` is a stream: per channel, as words, 4 where that is so (0 elsewhere), the
 * starting R, and bias; the weights; factor and shift as words (edgeq/kernels/layouts_v7m.py).
 *
 * Per two taps: LDM, 2 LDRSB, 4 MLA, 4 additions for 8 MACs, plus 3 for every 16 taps: 1.42 instructions per MAC, or
 * 1.17 with half the additions. 52 for every 4 outputs go into starting sums, requantizing and storing. The limit is
 * MLA (0.5, two cycles each); all 14 registers are in use.
 */
#include "edgeq/edgeq_v7m.h"
#include "pixels_v7m.h"

#define PIXELS 4

typedef struct {
  const int8_t *weights;
  const uint32_t *windows, *windows_end; /* [tap][2] */
  const int8_t *weights_end;
  int32_t zero_point;
  int8_t *output;
  int32_t step, jump; /* from the first to the second pixel and from the third to the fourth; from first to third */
} edgeq_blocks_t;

#if EDGEQ_V7M_ASSEMBLY

/* clang-format off */
/* Two taps: r2 to r5 pixels, r6 weights; parts of the two words in r8 and r7. */
#define PRODUCTS(first, second)     \
  "ldm.w r1!, {r2-r5}\n"            \
  "ldrsb.w r6, [r0], #1\n"          \
  "mla r8, r2, r6, " first "\n"     \
  "mla r7, r3, r6, " second "\n"    \
  "ldrsb.w r6, [r0], #1\n"          \
  "mla r8, r4, r6, r8\n"            \
  "mla r7, r5, r6, r7\n"
/* R and S1 of the two words in r10 to lr. */
#define ADD_PARTS                   \
  "add.w r10, r10, r8\n"            \
  "add.w r11, r11, r8, asr #16\n"   \
  "add.w r12, r12, r7\n"            \
  "add.w lr, lr, r7, asr #16\n"
#define TAPS_4 PRODUCTS("r9", "r9") ADD_PARTS PRODUCTS("r9", "r9") ADD_PARTS /* 88 bytes */
#define TAPS_4_SMALL PRODUCTS("r9", "r9") PRODUCTS("r8", "r7") ADD_PARTS     /* 72 bytes */
/* clang-format on */

#define FINISH(sum, address) EDGEQ_V7M_FINISH(sum, "r4", "r5", "r6", "r2", address)

EDGEQ_V7M_NAKED static void sum_blocks(__attribute__((unused)) const edgeq_blocks_t *blocks) {
  __asm__ volatile(
      ".syntax unified\n"
      "push {r4-r11, lr}\n"
      "ldm r0, {r1-r8}\n"
      /* The loop has 16 taps; where it is entered makes up for numbers of taps that are no multiple. */
      "sub r9, r2, r3\n"
      "ubfx r9, r9, #5, #2\n" /* - taps / 4 modulo 4 */
      "movs r0, #88\n"        /* bytes of TAPS_4 */
      "mul r0, r9, r0\n"
      "movs r10, #72\n" /* bytes of TAPS_4_SMALL */
      "mul r10, r9, r10\n"
      "adr r9, 2f\n"
      "add r9, r9, r0\n"
      "orr r9, r9, #1\n"
      "adr r0, 3f\n"
      "add r10, r10, r0\n"
      "orr r10, r10, #1\n"
      "push {r2-r10}\n"
      "mov r0, r1\n"
      "1:\n"
      "ldr r1, [sp]\n"
      "ldm r0!, {r8, r10, r11}\n"
      "add r8, r8, sp\n"
      "mov r9, #32768\n"
      "mov r12, r10\n"
      "mov lr, r11\n"
      "ldr pc, [r8, #28]\n"
      ".balign 4\n"
      "2:\n"
      ".rept 4\n" TAPS_4 ".endr\n"
      "ldr r2, [sp, #4]\n"
      "cmp r1, r2\n"
      "bne 2b\n"
      "b 4f\n"
      ".balign 4\n"
      "3:\n"
      ".rept 4\n" TAPS_4_SMALL ".endr\n"
      "ldr r2, [sp, #4]\n"
      "cmp r1, r2\n"
      "bne 3b\n"
      "4:\n"
      "ldrd r4, r5, [r0], #8\n"
      "ldrd r6, r7, [sp, #12]\n"
      "ldrd r8, r9, [sp, #20]\n"
      "sub r10, r10, r11, lsl #16\n"
      "sub r12, r12, lr, lsl #16\n"
      "add r9, r9, r7\n"
      FINISH("r10", "[r7]") FINISH("r11", "[r7, r8]") FINISH("r12", "[r9]") FINISH("lr", "[r9, r8]")
      "adds r7, #1\n"
      "str r7, [sp, #16]\n"
      "ldr r2, [sp, #8]\n"
      "cmp r0, r2\n"
      "bne 1b\n"
      "add sp, sp, #36\n"
      "pop {r4-r11, pc}\n");
}

#else

static void sum_blocks(const edgeq_blocks_t *b) {
  const int32_t taps = (int32_t)(b->windows_end - b->windows) >> 1;
  int8_t *output = b->output;
  for (const int8_t *weights = b->weights; weights != b->weights_end; weights += taps + 20, output++) {
    const edgeq_unaligned_t *const start = (const edgeq_unaligned_t *)(const void *)weights;
    const edgeq_unaligned_t *const end = (const edgeq_unaligned_t *)(const void *)(weights + taps + 12);
    const int32_t bias = (int32_t)start[2].value;
    int32_t sums[PIXELS] = {bias, bias, bias, bias};
    for (int32_t i = 0; i < taps; i++) {
      for (int32_t p = 0; p < PIXELS; p++) {
        const uint32_t word = b->windows[2 * i + (p >> 1)];
        const int32_t low = (int16_t)word;
        sums[p] += weights[12 + i] * ((p & 1) != 0 ? (int16_t)((word - (uint32_t)low) >> 16) : low);
      }
    }
    for (int32_t p = 0; p < PIXELS; p++) {
      output[(p & 1) * b->step + (p >> 1) * b->jump] =
          edgeq_dsp_round(sums[p], (int32_t)end[0].value, (int32_t)end[1].value, b->zero_point);
    }
  }
}

#endif

void edgeq_conv2d_a8_w8_4px__v7m(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t kernel_h = layer->kernel_h, row_bytes = layer->kernel_w * layer->in_c, step = layer->out_c;
  const int32_t taps = (kernel_h * row_bytes + 3) & ~3;
  uint32_t *const windows = scratch;
  int8_t *const bytes = (int8_t *)(windows + 2 * taps);
  const int8_t *const weights_end = layer->weights + step * (taps + 20);
  int32_t pixels = layer->out_h * layer->out_w, top = -layer->pad_top, left = -layer->pad_left, column = 0;
  for (int32_t i = 2 * kernel_h * row_bytes; i < 2 * taps; i++) {
    windows[i] = 0; /* the taps filled up meet weights of 0 */
  }
  while (pixels > 0) {
    const int32_t count = pixels < PIXELS ? pixels : PIXELS;
    edgeq_rows_t at[PIXELS];
    for (int32_t p = 0; p < count; p++) {
      at[p] = find_rows(layer, input, top, left, bytes + p * taps);
      left += layer->stride_w;
      if (++column == layer->out_w) {
        column = 0;
        left = -layer->pad_left;
        top += layer->stride_h;
      }
    }
    /* Fewer pixels are computed more than once, to the same places: 0112, 0101 and 0000. */
    const int32_t second = count > 1, third = count > 2 ? count - 2 : 0, fourth = third + second;
    const int8_t *a = at[0].row, *b = at[second].row, *c = at[third].row, *d = at[fourth].row;
    uint32_t *to = windows;
    for (int32_t ky = kernel_h; ky > 0; ky--) {
      to = put_taps(to, a, b, c, d, row_bytes);
      a += at[0].pitch;
      b += at[second].pitch;
      c += at[third].pitch;
      d += at[fourth].pitch;
    }
    const edgeq_blocks_t blocks = {layer->weights,           windows, windows + 2 * taps, weights_end,
                                   layer->output_zero_point, output,  second * step,      third * step};
    sum_blocks(&blocks);
    edgeq_clamp_bytes(output, count * step, layer->clamp_min, layer->clamp_max);
    output += PIXELS * step;
    pixels -= PIXELS;
  }
}
