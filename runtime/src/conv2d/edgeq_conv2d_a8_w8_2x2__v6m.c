/* Convolution by blocks of 2 channels x 2 pixels, for Cortex-M0 and M0+.
 *
 * As edgeq_conv2d_a8_w8_2x2__c: two pixels share a register as x = x0 + 2^16 x1, values and weights have 128 added. T
 * adds t = x * w modulo 2^32, H adds t >> 16; pixel 1 is H and pixel 0 is T - 2^16 H. Weights are packed
 * [o / 2][tap][2], plus 128, taps filled up to a multiple of 4 with (unsigned) zeros; `multiplier` is [o][3]: bias with
 * the products of the 128s, multiplier, shift. Per tap: 3 loads, 2 multiplications, 6 additions and shifts for 4 MACs,
 * in exactly the 8 low registers.
 *
 * Inner loop 2.81 instructions per MAC; 31 for every output go into requantizing (edgeq_v6m.h) and storing. The limit
 * is separating the lanes.
 */
#define EDGEQ_PATCH_TYPE edgeq_lane_t
#define EDGEQ_PATCH_PIXELS 2
/* x + 128, by the load that Thumb-1 has and a bit flip */
#define EDGEQ_PATCH_VALUE(x) ((uint8_t)(x) ^ 0x80U)
#define EDGEQ_PATCH_TOTALS 1
#define EDGEQ_PATCH_STEP 4
#include "copy_v6m.h"
#include "patches.h"

typedef struct {
  const uint32_t *pixels, *pixels_end;
  const uint8_t *weights;
  const int32_t *table, *table_end; /* 3 words per channel */
  int8_t *output;
  int32_t step;    /* from pixel 0 to pixel 1 of the output; pixel 1 is stored first */
  int32_t skipped; /* taps by which the last 16 are not full */
  edgeq_v6m_full_function *full;
  int32_t full_offset, total_1, low, high, offset, total_0; /* the totals are negative */
} edgeq_blocks_t;

#if EDGEQ_V6M

/* clang-format off */
/* One channel of a tap: a weight times the pixels in r2. */
#define CHANNEL(w, t, h)          \
  "ldrb r3, [r0, #" w "]\n"       \
  "muls r3, r2, r3\n"             \
  "adds " t ", " t ", r3\n"       \
  "lsrs r3, r3, #16\n"            \
  "adds " h ", " h ", r3\n"
#define TAP(w0, w1) "ldmia r1!, {r2}\n" CHANNEL(w0, "r4", "r6") CHANNEL(w1, "r5", "r7")

/* The outputs of a channel: t pixel 0, h pixel 1. */
#define OUTPUTS(t, h)             \
  "ldr r0, [sp, #12]\n"           \
  "ldmia r0!, {r1, r2, r3}\n"     \
  "str r0, [sp, #12]\n"           \
  "lsrs r2, r2, #15\n"            \
  "adds " h ", " h ", r1\n"       \
  "adds " t ", " t ", r1\n"       \
  "add " t ", r11\n"              \
  "ldr r1, [sp, #40]\n"           \
  "adds " h ", " h ", r1\n"       \
  EDGEQ_V6M_FINISH(h)             \
  "ldr r0, [sp, #20]\n"           \
  "ldr r1, [sp, #24]\n"           \
  "strb " h ", [r0, r1]\n"        \
  EDGEQ_V6M_FINISH(t)             \
  "strb " t ", [r0]\n"            \
  "adds r0, #1\n"                 \
  "str r0, [sp, #20]\n"
/* clang-format on */

EDGEQ_NAKED static void blocks(__attribute__((unused)) const edgeq_blocks_t *b) {
  __asm__ volatile(
      EDGEQ_V6M_PUSH
      "sub sp, #52\n"
      "mov r1, sp\n"
      "ldmia r0!, {r2-r7}\n"
      "stmia r1!, {r2-r7}\n"
      "ldmia r0!, {r2-r6}\n" /* step, skipped, full, its offset, total 1 */
      "stmia r1!, {r2-r6}\n"
      "movs r2, #22\n" /* bytes of TAP */
      "muls r2, r3, r2\n"
      "adr r4, 2f\n"
      "adds r2, r2, r4\n"
      "adds r2, #1\n"
      "str r2, [r1]\n"
      "ldmia r0!, {r2-r5}\n"
      "mov r8, r2\n"
      "mov r9, r3\n"
      "mov r10, r4\n"
      "mov r11, r5\n"
      "1:\n"
      "ldr r0, [sp, #4]\n"
      "mov r12, r0\n"
      "ldr r1, [sp, #0]\n"
      "ldr r0, [sp, #8]\n"
      "ldr r2, [sp, #28]\n"
      "subs r0, r0, r2\n"
      "subs r0, r0, r2\n"
      "movs r4, #0\n"
      "movs r5, #0\n"
      "movs r6, #0\n"
      "movs r7, #0\n"
      "ldr r2, [sp, #44]\n"
      "bx r2\n"
      ".balign 4\n"
      "2:\n"
      ".irp i, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30\n" TAP("\\i", "\\i + 1") ".endr\n"
      "adds r0, #32\n"
      "cmp r1, r12\n"
      "beq 3f\n"
      "b 2b\n"
      "3:\n"
      "str r0, [sp, #8]\n"
      "lsls r2, r6, #16\n"
      "subs r4, r4, r2\n"
      "lsls r2, r7, #16\n"
      "subs r5, r5, r2\n" OUTPUTS("r4", "r6") OUTPUTS("r5", "r7")
      "ldr r0, [sp, #12]\n"
      "ldr r1, [sp, #16]\n"
      "cmp r0, r1\n"
      "beq 4f\n"
      "b 1b\n"
      "4:\n"
      "add sp, #52\n" EDGEQ_V6M_POP EDGEQ_V6M_FULL("ldr r1, [sp, #36]\nsubs r1, #8\nldr r1, [r1]\n", "56", "60"));
}

#else

static void blocks(const edgeq_blocks_t *b) {
  const uint8_t *weights = b->weights;
  int8_t *output = b->output;
  for (const int32_t *table = b->table; table != b->table_end; table += 6, output += 2) {
    int32_t sums[4] = {b->total_0, b->total_1, b->total_0, b->total_1};
    for (const uint32_t *x = b->pixels; x != b->pixels_end; x++, weights += 2) {
      for (int32_t i = 0; i < 4; i++) {
        sums[i] += (int32_t)((*x >> (16 * (i & 1)) & 0xffff) * weights[i >> 1]);
      }
    }
    for (int32_t i = 3; i >= 0; i--) {
      const int32_t *const record = table + 3 * (i >> 1);
      output[(i & 1) * b->step + (i >> 1)] =
          edgeq_v6m_finish(sums[i] + record[0], record + 1, 1, b->full, b->full_offset, b->offset, b->low, b->high);
    }
  }
}

#endif

static void block(const edgeq_conv2d_t *layer, const uint32_t *buffer, const int32_t *totals, int32_t count,
                  int8_t *output) {
  const int32_t taps = (layer->kernel_h * layer->kernel_w * layer->in_c + 3) & ~3;
  const int32_t channels = layer->out_c, full = channels & ~1, zero_point = layer->output_zero_point;
  const uint8_t *const weights = (const uint8_t *)layer->weights;
  const int32_t *const table = layer->multiplier, *const middle = table + 3 * full;
  edgeq_blocks_t b = {buffer,
                      buffer + taps,
                      weights,
                      table,
                      middle,
                      output,
                      count > 1 ? channels : 0,
                      -taps & 15,
                      edgeq_v6m_full,
                      2 * zero_point + 1,
                      -totals[1],
                      layer->clamp_min,
                      layer->clamp_max,
                      edgeq_v6m_offset(zero_point),
                      -totals[0]};
  if (full != 0) {
    blocks(&b);
  }
  if (full != channels) { /* a block that is not full must not be stored whole */
    int8_t last[4];
    b.weights = weights + full * taps;
    b.table = middle;
    b.table_end = middle + 6;
    b.output = last;
    b.step = 2;
    blocks(&b);
    output[full] = last[0];
    if (count > 1) {
      output[channels + full] = last[2];
    }
  }
}

void edgeq_conv2d_a8_w8_2x2__v6m(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  edgeq_for_each_block(layer, input, output, scratch, block);
}
