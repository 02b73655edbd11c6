/* Fully connected layer by blocks of 8 outputs.
 *
 * `weights` is a stream: per block the 8 biases as words, [tap][8] weights, and factor and shift of each output as
 * words. Per tap 9 LDRSB and 8 MLA, plus 2 for every 8 taps: 2.16 instructions per MAC; 10 for every output go into
 * starting the sum, requantizing and storing. The limit is a load and an MLA for every weight.
 */
#include "edgeq/edgeq_dense.h"
#include "edgeq/edgeq_v7m.h"

#define OUTPUTS 8

typedef struct {
  const int8_t *stream;
  const int8_t *input, *input_end;
  const int8_t *stream_end;
  int32_t zero_point;
  int8_t *output;
} edgeq_blocks_t;

#if EDGEQ_V7M_ASSEMBLY

/* clang-format off */
#define MULTIPLY(sum)                \
  "ldrsb.w r2, [r0], #1\n"           \
  "mla " sum ", r2, r3, " sum "\n"
/* One tap, 68 bytes: sums in r4 to r11. */
#define TAP                          \
  "ldrsb.w r3, [r1], #1\n"           \
  MULTIPLY("r4") MULTIPLY("r5") MULTIPLY("r6") MULTIPLY("r7")   \
  MULTIPLY("r8") MULTIPLY("r9") MULTIPLY("r10") MULTIPLY("r11")
#define FINISH(sum, address)         \
  "ldrd r2, r3, [r0], #8\n"          \
  EDGEQ_V7M_FINISH_ONCE(sum, "r2", "r3", "lr", "r1", address)
/* clang-format on */

EDGEQ_V7M_NAKED static void sum_blocks(__attribute__((unused)) const edgeq_blocks_t *blocks) {
  __asm__ volatile(
      ".syntax unified\n"
      "push {r4-r11, lr}\n"
      "ldm r0, {r1-r6}\n"
      /* The loop has 8 taps; where it is entered makes up for numbers of taps that are no multiple. */
      "sub r7, r2, r3\n"
      "and r7, r7, #7\n" /* - taps modulo 8 */
      "movs r8, #68\n"   /* bytes of TAP */
      "mul r7, r7, r8\n"
      "adr r8, 2f\n"
      "add r7, r7, r8\n"
      "orr r7, r7, #1\n"
      "push {r2-r7}\n"
      "mov r0, r1\n"
      "1:\n"
      "ldrd r1, r12, [sp]\n"
      "ldm r0!, {r4-r11}\n"
      "ldr pc, [sp, #20]\n"
      ".balign 4\n"
      "2:\n"
      ".rept 8\n" TAP ".endr\n"
      "cmp r1, r12\n"
      "bne 2b\n"
      "ldrd lr, r12, [sp, #12]\n" FINISH("r4", "[r12]") FINISH("r5", "[r12, #1]") FINISH("r6", "[r12, #2]")
          FINISH("r7", "[r12, #3]") FINISH("r8", "[r12, #4]") FINISH("r9", "[r12, #5]") FINISH("r10", "[r12, #6]")
              FINISH("r11", "[r12, #7]")
      "add r12, r12, #8\n"
      "ldr r1, [sp, #8]\n"
      "str r12, [sp, #16]\n"
      "cmp r0, r1\n"
      "bne 1b\n"
      "add sp, sp, #24\n"
      "pop {r4-r11, pc}\n");
}

#else

static void sum_blocks(const edgeq_blocks_t *b) {
  int8_t *output = b->output;
  for (const int8_t *stream = b->stream; stream != b->stream_end; output += OUTPUTS) {
    const edgeq_unaligned_t *const bias = (const edgeq_unaligned_t *)(const void *)stream;
    int32_t sums[OUTPUTS];
    for (int32_t i = 0; i < OUTPUTS; i++) {
      sums[i] = (int32_t)bias[i].value;
    }
    stream += 4 * OUTPUTS;
    for (const int8_t *x = b->input; x != b->input_end; x++, stream += OUTPUTS) {
      for (int32_t i = 0; i < OUTPUTS; i++) {
        sums[i] += *x * stream[i];
      }
    }
    for (int32_t i = 0; i < OUTPUTS; i++, stream += 8) {
      const edgeq_unaligned_t *const words = (const edgeq_unaligned_t *)(const void *)stream;
      output[i] = edgeq_dsp_round_once(sums[i], (int32_t)words[0].value, (int32_t)words[1].value, b->zero_point);
    }
  }
}

#endif

void edgeq_dense_a8_w8_8ch__v7m(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t in_c = layer->in_c, out_c = layer->out_c, full = out_c & ~(OUTPUTS - 1);
  const int32_t block_bytes = OUTPUTS * (in_c + 12), zero_point = layer->output_zero_point;
  const int8_t *const rest = layer->weights + full / OUTPUTS * block_bytes;
  (void)scratch;
  for (int32_t row = 0; row < layer->rows; row++, input += in_c, output += out_c) {
    if (full != 0) {
      const edgeq_blocks_t blocks = {layer->weights, input, input + in_c, rest, zero_point, output};
      sum_blocks(&blocks);
    }
    if (full != out_c) { /* a block that is not full must not be stored whole */
      int8_t last[OUTPUTS];
      const edgeq_blocks_t blocks = {rest, input, input + in_c, rest + block_bytes, zero_point, last};
      sum_blocks(&blocks);
      for (int32_t i = full; i < out_c; i++) {
        output[i] = last[i - full];
      }
    }
    edgeq_clamp_bytes(output, out_c, layer->clamp_min, layer->clamp_max);
  }
}
