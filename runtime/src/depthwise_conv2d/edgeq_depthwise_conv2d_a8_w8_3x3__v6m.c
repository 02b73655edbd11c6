/* Depthwise convolution with windows of 9 taps, channel by channel, for Cortex-M0 and M0+; depth multiplier 1.
 *
 * Weights are a line of zero points (see taps.h), then per channel 20 bytes: bias, multiplier, 9 weights, the shift to
 * the right. Per tap: pointer load, 2 loads, sign extension, multiplication, addition.
 *
 * 82 instructions per output, of which 27 go into requantizing (edgeq_v6m.h) and storing: 9.1 per MAC, and 40 for the
 * table of each pixel's 9 taps.
 */
#include "edgeq/edgeq_v6m.h"
#include "taps.h"

#define RECORD 20

typedef struct {
  const int8_t *const *from;
  int8_t *output;
  const int8_t *records;
  int32_t channels, low, high, offset;
  edgeq_v6m_full_function *full;
  int32_t full_offset;
} edgeq_pixel_t;

#if EDGEQ_V6M

/* clang-format off */
#define TAP(pointer, w)          \
  "ldr r1, [r0, #" pointer "]\n" \
  "ldrsb r1, [r1, r6]\n"         \
  "ldrb r2, [r5, #" w "]\n"      \
  "sxtb r2, r2\n"                \
  "muls r1, r2, r1\n"            \
  "adds r4, r4, r1\n"
/* clang-format on */

EDGEQ_NAKED static void channels(__attribute__((unused)) const edgeq_pixel_t *p) {
  __asm__ volatile(
      EDGEQ_V6M_PUSH
      "ldmia r0!, {r1-r7}\n" /* from, output, records, channels, low, high, offset */
      "mov r8, r5\n"
      "mov r9, r6\n"
      "mov r10, r7\n"
      "mov r11, r2\n"
      "movs r5, r3\n"
      "movs r7, r4\n"
      "ldmia r0!, {r2, r3}\n"
      "movs r0, r1\n"
      "push {r1-r3}\n"
      "movs r6, #0\n"
      "1:\n"
      "ldr r4, [r5]\n" TAP("0", "8") TAP("4", "9") TAP("8", "10") TAP("12", "11") TAP("16", "12") TAP("20", "13")
          TAP("24", "14") TAP("28", "15") TAP("32", "16")
      "ldr r2, [r5, #4]\n"
      "lsrs r2, r2, #15\n"
      "ldrb r3, [r5, #17]\n" EDGEQ_V6M_FINISH("r4")
      "mov r1, r11\n"
      "strb r4, [r1, r6]\n"
      "adds r5, #20\n"
      "adds r6, #1\n"
      "cmp r6, r7\n"
      "bne 1b\n"
      "add sp, #12\n" EDGEQ_V6M_POP EDGEQ_V6M_FULL("ldr r1, [r5, #4]\n", "28", "32"));
}

#else

static int32_t word(const int8_t *bytes) {
  uint32_t value = 0;
  for (int32_t i = 3; i >= 0; i--) {
    value = value << 8 | (uint8_t)bytes[i];
  }
  return (int32_t)value;
}

static void channels(const edgeq_pixel_t *p) {
  const int8_t *record = p->records;
  for (int32_t c = 0; c < p->channels; c++, record += RECORD) {
    const int32_t factor[2] = {word(record + 4), record[17]};
    int32_t sum = word(record);
    for (int32_t tap = 0; tap < 9; tap++) {
      sum += p->from[tap][c] * record[8 + tap];
    }
    p->output[c] = edgeq_v6m_finish(sum, factor, 1, p->full, p->full_offset, p->offset, p->low, p->high);
  }
}

#endif

static void pixel(const edgeq_depthwise_conv2d_t *layer, const int8_t *const *from, const int8_t *const *end,
                  const int8_t *weights, int8_t *output) {
  const int32_t zero_point = layer->output_zero_point;
  const edgeq_pixel_t p = {from,
                           output,
                           weights,
                           layer->in_c,
                           layer->clamp_min,
                           layer->clamp_max,
                           edgeq_v6m_offset(zero_point),
                           edgeq_v6m_full,
                           2 * zero_point + 1};
  (void)end;
  channels(&p);
}

void edgeq_depthwise_conv2d_a8_w8_3x3__v6m(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                           void *scratch) {
  (void)scratch;
  edgeq_for_each_pixel(layer, input, output, pixel);
}
