/* Fully connected layer by blocks of 4 outputs, for Cortex-M0 and M0+.
 *
 * Weights are packed [o / 4][i][4] as weight + 128, filled up to 4 outputs: unsigned bytes, because those load with
 * an immediate offset. What the 128s add, 128 * sum(x), is the same for all outputs of a row and taken off at the end.
 * `multiplier` is [o][3]: bias, multiplier, shift. Per input: 5 loads, a sign extension, 4 multiplications, 4
 * additions.
 *
 * Inner loop 3.63 instructions per MAC; 31 for every output go into requantizing (edgeq_v6m.h) and storing. The limit
 * is the three instructions per MAC.
 */
#include "edgeq/edgeq_dense.h"
#include "edgeq/edgeq_v6m.h"

#define OUTPUTS 4

typedef struct {
  const int8_t *input, *input_end;
  const uint8_t *weights;
  const int32_t *table, *table_end; /* 3 words per output */
  int8_t *output;
  int32_t skipped; /* inputs by which the last 8 of a row are not full */
  edgeq_v6m_full_function *full;
  int32_t zero_point, low, high, offset, excess;
} edgeq_blocks_t;

#if EDGEQ_V6M

/* clang-format off */
/* Input i, times four weights. */
#define PRODUCT(number, sum)         \
  "ldrb r3, [r0, #4 * \\i + " number "]\n" \
  "muls r3, r2, r3\n"                \
  "adds " sum ", " sum ", r3\n"
#define INPUT                        \
  "ldrb r2, [r1, #\\i]\n"            \
  "sxtb r2, r2\n"                    \
  PRODUCT("0", "r4") PRODUCT("1", "r5") PRODUCT("2", "r6") PRODUCT("3", "r7")

/* The output in register sum, number i of its block. */
#define OUTPUT(sum, i)               \
  "ldr r0, [sp, #12]\n"              \
  "ldmia r0!, {r1, r2, r3}\n"        \
  "str r0, [sp, #12]\n"              \
  "lsrs r2, r2, #15\n"               \
  "adds " sum ", " sum ", r1\n"      \
  "add " sum ", r11\n"               \
  EDGEQ_V6M_FINISH_ONCE(sum)         \
  "ldr r0, [sp, #20]\n"              \
  "strb " sum ", [r0, #" i "]\n"
/* clang-format on */

EDGEQ_NAKED static void blocks(__attribute__((unused)) const edgeq_blocks_t *b) {
  __asm__ volatile(
      EDGEQ_V6M_PUSH
      "sub sp, #44\n"
      "mov r1, sp\n"
      "ldmia r0!, {r2-r7}\n"
      "stmia r1!, {r2-r7}\n"
      "ldmia r0!, {r2-r7}\n" /* skipped, full, zero point, low, high, offset */
      "mov r8, r5\n"
      "mov r9, r6\n"
      "mov r10, r7\n"
      "movs r5, #28\n" /* bytes of INPUT */
      "muls r5, r2, r5\n"
      "adr r6, 2f\n"
      "adds r5, r5, r6\n"
      "adds r5, #1\n"
      "stmia r1!, {r2-r5}\n"
      "ldr r0, [r0]\n"
      "mov r11, r0\n"
      "1:\n"
      "ldr r0, [sp, #4]\n"
      "mov r12, r0\n"
      "ldr r0, [sp, #8]\n"
      "ldr r1, [sp, #0]\n"
      "ldr r2, [sp, #24]\n"
      "subs r1, r1, r2\n"
      "lsls r2, r2, #2\n"
      "subs r0, r0, r2\n"
      "movs r4, #0\n"
      "movs r5, #0\n"
      "movs r6, #0\n"
      "movs r7, #0\n"
      "ldr r2, [sp, #36]\n"
      "bx r2\n"
      ".balign 4\n"
      "2:\n"
      ".irp i, 0, 1, 2, 3, 4, 5, 6, 7\n" INPUT ".endr\n"
      "adds r0, #32\n"
      "adds r1, #8\n"
      "cmp r1, r12\n"
      "bne 2b\n"
      "str r0, [sp, #8]\n" OUTPUT("r4", "0") OUTPUT("r5", "1") OUTPUT("r6", "2") OUTPUT("r7", "3")
      "adds r0, #4\n"
      "str r0, [sp, #20]\n"
      "ldr r0, [sp, #12]\n"
      "ldr r1, [sp, #16]\n"
      "cmp r0, r1\n"
      "beq 3f\n"
      "b 1b\n"
      "3:\n"
      "add sp, #44\n" EDGEQ_V6M_POP EDGEQ_V6M_FULL("ldr r1, [sp, #36]\nsubs r1, #8\nldr r1, [r1]\n", "52", "56"));
}

#else

static void blocks(const edgeq_blocks_t *b) {
  const uint8_t *weights = b->weights;
  int8_t *output = b->output;
  for (const int32_t *table = b->table; table != b->table_end; table += 3 * OUTPUTS, output += OUTPUTS) {
    int32_t sums[OUTPUTS] = {0, 0, 0, 0};
    for (const int8_t *x = b->input; x != b->input_end; x++, weights += OUTPUTS) {
      for (int32_t i = 0; i < OUTPUTS; i++) {
        sums[i] += *x * weights[i];
      }
    }
    for (int32_t i = 0; i < OUTPUTS; i++) {
      output[i] = edgeq_v6m_finish(sums[i] + table[3 * i] + b->excess, table + 3 * i + 1, 0, b->full, b->zero_point,
                                   b->offset, b->low, b->high);
    }
  }
}

#endif

void edgeq_dense_a8_w8_4ch__v6m(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t in_c = layer->in_c, out_c = layer->out_c, full = out_c & ~(OUTPUTS - 1);
  const uint8_t *const weights = (const uint8_t *)layer->weights;
  const int32_t *const table = layer->multiplier, *const middle = table + 3 * full;
  (void)scratch;
  for (int32_t row = 0; row < layer->rows; row++, input += in_c, output += out_c) {
    int32_t sum = 0;
    for (const int8_t *x = input; x != input + in_c; x++) {
      sum += *x;
    }
    edgeq_blocks_t b = {input,
                        input + in_c,
                        weights,
                        table,
                        middle,
                        output,
                        -in_c & 7,
                        edgeq_v6m_full_once,
                        layer->output_zero_point,
                        layer->clamp_min,
                        layer->clamp_max,
                        edgeq_v6m_offset(layer->output_zero_point),
                        -128 * sum};
    if (full != 0) {
      blocks(&b);
    }
    if (full != out_c) { /* a block that is not full must not be stored whole */
      int8_t last[OUTPUTS];
      b.weights = weights + full * in_c;
      b.table = middle;
      b.table_end = middle + 3 * OUTPUTS;
      b.output = last;
      blocks(&b);
      for (int32_t o = full; o < out_c; o++) {
        output[o] = last[o - full];
      }
    }
  }
}
