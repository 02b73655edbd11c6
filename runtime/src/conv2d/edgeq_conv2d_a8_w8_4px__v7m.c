/* Convolution of 4 pixels at a time, two of them per multiplication.
 *
 * A word of the window holds two pixels as x0 + 65536 x1. Times a weight, over two taps, and with 32768 added, the low
 * half stays within 16 bits (2 * 127 * 128 < 32768), so the high half is the second pixel's part exactly: it is added
 * to S1, and the whole to R, which becomes S0 + 65536 S1 (modulo 2^32) and gives S0 at the end. The excess of 32768 for
 * every two taps is in R's starting value. `weights` is a stream: per channel the starting R and bias as words, the
 * weights, and factor and shift as words (edgeq/kernels/layouts_v7m.py).
 *
 * Per two taps: LDM, 2 LDRSB, 4 MLA, 4 additions for 8 MACs, plus 3 for every 16 taps: 1.42 instructions per MAC. 51
 * for every 4 outputs go into starting sums, requantizing and storing. The limit is MLA (0.5, two cycles each); all 14
 * registers are in use.
 */
#include "edgeq/edgeq_v7m.h"
#include "windows_dsp.h"

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

/* Two taps, 44 bytes: r2 to r5 pixels, r6 and r7 weights; R and S1 of the two words in r10 to lr. */
#define TAPS_2                    \
  "ldm.w r1!, {r2-r5}\n"          \
  "ldrsb.w r6, [r0], #1\n"        \
  "ldrsb.w r7, [r0], #1\n"        \
  "mla r8, r2, r6, r9\n"          \
  "mla r8, r4, r7, r8\n"          \
  "add.w r10, r10, r8\n"          \
  "add.w r11, r11, r8, asr #16\n" \
  "mla r8, r3, r6, r9\n"          \
  "mla r8, r5, r7, r8\n"          \
  "add.w r12, r12, r8\n"          \
  "add.w lr, lr, r8, asr #16\n"

#define FINISH(sum, address) EDGEQ_V7M_FINISH(sum, "r4", "r5", "r6", "r2", address)

EDGEQ_V7M_NAKED static void sum_blocks(__attribute__((unused)) const edgeq_blocks_t *blocks) {
  __asm__ volatile(
      ".syntax unified\n"
      "push {r4-r11, lr}\n"
      "ldm r0, {r1-r8}\n"
      /* The loop has 16 taps; where it is entered makes up for numbers of taps that are no multiple. */
      "sub r9, r2, r3\n"
      "ubfx r9, r9, #5, #2\n" /* - taps / 4 modulo 4 */
      "movs r0, #88\n"        /* bytes of 4 taps */
      "mul r9, r9, r0\n"
      "adr r0, 2f\n"
      "add r9, r9, r0\n"
      "orr r9, r9, #1\n"
      "push {r2-r9}\n"
      "mov r0, r1\n"
      "1:\n"
      "ldr r1, [sp]\n"
      "ldrd r10, r11, [r0], #8\n"
      "mov r9, #32768\n"
      "mov r12, r10\n"
      "mov lr, r11\n"
      "ldr pc, [sp, #28]\n"
      ".balign 4\n"
      "2:\n"
      ".rept 8\n" TAPS_2 ".endr\n"
      "ldr r2, [sp, #4]\n"
      "cmp r1, r2\n"
      "bne 2b\n"
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
      "add sp, sp, #32\n"
      "pop {r4-r11, pc}\n");
}

#else

static void sum_blocks(const edgeq_blocks_t *b) {
  const int32_t taps = (int32_t)(b->windows_end - b->windows) >> 1;
  int8_t *output = b->output;
  for (const int8_t *weights = b->weights; weights != b->weights_end; weights += taps + 16, output++) {
    const edgeq_unaligned_t *const start = (const edgeq_unaligned_t *)(const void *)weights;
    const edgeq_unaligned_t *const end = (const edgeq_unaligned_t *)(const void *)(weights + taps + 8);
    const int32_t bias = (int32_t)start[1].value;
    int32_t sums[PIXELS] = {bias, bias, bias, bias};
    for (int32_t i = 0; i < taps; i++) {
      for (int32_t p = 0; p < PIXELS; p++) {
        const uint32_t word = b->windows[2 * i + (p >> 1)];
        const int32_t low = (int16_t)word;
        sums[p] += weights[8 + i] * ((p & 1) != 0 ? (int16_t)((word - (uint32_t)low) >> 16) : low);
      }
    }
    for (int32_t p = 0; p < PIXELS; p++) {
      output[(p & 1) * b->step + (p >> 1) * b->jump] =
          edgeq_dsp_round(sums[p], (int32_t)end[0].value, (int32_t)end[1].value, b->zero_point);
    }
  }
}

#endif

#define PUT(i)                                                 \
  do {                                                         \
    to[2 * (i)] = (uint32_t)a[i] + ((uint32_t)b[i] << 16);     \
    to[2 * (i) + 1] = (uint32_t)c[i] + ((uint32_t)d[i] << 16); \
  } while (0)

/* `count` taps of four pixels. */
static uint32_t *put_taps(uint32_t *to, const int8_t *a, const int8_t *b, const int8_t *c, const int8_t *d,
                          int32_t count) {
  for (; count >= 4; count -= 4, to += 8, a += 4, b += 4, c += 4, d += 4) {
    PUT(0);
    PUT(1);
    PUT(2);
    PUT(3);
  }
  for (; count > 0; count--, to += 2, a++, b++, c++, d++) {
    PUT(0);
  }
  return to;
}

/* Where the rows of a window lie. */
typedef struct {
  const int8_t *row;
  int32_t pitch;
} edgeq_rows_t;

/* bytes: room for a window, used where it is not all inside. */
static edgeq_rows_t find_rows(const edgeq_conv2d_t *layer, const int8_t *input, int32_t top, int32_t left,
                              int8_t *bytes) {
  const int32_t last_top = layer->in_h - layer->kernel_h, last_left = layer->in_w - layer->kernel_w;
  const int32_t pitch = layer->in_w * layer->in_c;
  if (top < 0 || top > last_top || left < 0 || left > last_left || (layer->dilation_h | layer->dilation_w) != 1) {
    edgeq_window_border(layer, input, top, left, bytes);
    return (edgeq_rows_t){bytes, layer->kernel_w * layer->in_c};
  }
  return (edgeq_rows_t){input + top * pitch + left * layer->in_c, pitch};
}

void edgeq_conv2d_a8_w8_4px__v7m(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t kernel_h = layer->kernel_h, row_bytes = layer->kernel_w * layer->in_c, step = layer->out_c;
  const int32_t taps = (kernel_h * row_bytes + 3) & ~3;
  uint32_t *const windows = scratch;
  int8_t *const bytes = (int8_t *)(windows + 2 * taps);
  const int8_t *const weights_end = layer->weights + step * (taps + 16);
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
