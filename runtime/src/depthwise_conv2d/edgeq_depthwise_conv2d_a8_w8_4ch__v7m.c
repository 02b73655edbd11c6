/* Depthwise convolution by blocks of 4 channels, one pixel at a time; depth multiplier 1, windows of up to 30 taps.
 *
 * Weights are those of stream_4ch.h. Per tap: pointer, 8 loads, 4 MLA, a third of the loop: 3.7 instructions per MAC;
 * 10 per output. The limit is two loads for every MLA.
 */
#include "edgeq/edgeq_v7m.h"

#define EDGEQ_STREAM_ASSEMBLY EDGEQ_V7M_ASSEMBLY

/* clang-format off */
#define MULTIPLY(sum, i)                \
  "ldrsb r8, [r3, #" i "]\n"            \
  "ldrsb r9, [r0, #" i "]\n"            \
  "mla " sum ", r8, r9, " sum "\n"
/* One tap: r3 its channels; sums in r4 to r7. The last load of weights moves on. */
#define TAP                             \
  "ldr r3, [r1], #4\n"                  \
  "add r3, r3, r2\n"                    \
  MULTIPLY("r5", "1")                   \
  MULTIPLY("r6", "2")                   \
  MULTIPLY("r7", "3")                   \
  "ldrsb r8, [r3]\n"                    \
  "ldrsb r9, [r0], #4\n"                \
  "mla r4, r8, r9, r4\n"
#define FINISH(sum, address)            \
  "ldrd r8, r9, [r0], #8\n"             \
  EDGEQ_V7M_FINISH(sum, "r8", "r9", "lr", "r3", address)
#define FINISH_4 FINISH("r4", "[r11]") FINISH("r5", "[r11, #1]") FINISH("r6", "[r11, #2]") FINISH("r7", "[r11, #3]")
/* clang-format on */

#include "stream_4ch.h"

void edgeq_depthwise_conv2d_a8_w8_4ch__v7m(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                           void *scratch) {
  (void)scratch;
  edgeq_for_each_pixel(layer, input, output, pixel);
}
