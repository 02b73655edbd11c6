/* Depthwise convolution by blocks of 4 channels, one pixel at a time; depth multiplier 1, windows of up to 30 taps.
 *
 * Weights are those of stream_4ch.h. Per tap: pointer, 2 loads, 4 SXTB16, 4 SMLABB or SMLATT, a third of the loop: 2.9
 * instructions per MAC; 8.3 per output. The limit is bytes that are expanded for one use. Whole layers on Cortex-M4,
 * per MAC: 3x3 with steps of 2, 64 channels 4.2; 10x1, 128 channels 4.7.
 */
#include "edgeq/edgeq_dsp.h"

#if defined(__ARM_FEATURE_DSP)
#define EDGEQ_STREAM_ASSEMBLY 1
#else
#define EDGEQ_STREAM_ASSEMBLY 0
#endif

/* clang-format off */
#define TAP                   \
  "ldr r3, [r1], #4\n"        \
  "ldr r3, [r3, r2]\n"        \
  "ldr r12, [r0], #4\n"       \
  "sxtb16 r8, r3\n"           \
  "sxtb16 r9, r12\n"          \
  "sxtb16 r3, r3, ror #8\n"   \
  "sxtb16 r12, r12, ror #8\n" \
  "smlabb r4, r8, r9, r4\n"   \
  "smlatt r6, r8, r9, r6\n"   \
  "smlabb r5, r3, r12, r5\n"  \
  "smlatt r7, r3, r12, r7\n"
#define FINISH_4                                          \
  "ldm r0!, {r3, r8, r9, r12}\n"                          \
  EDGEQ_DSP_FINISH("r4", "r3", "r8", "lr", "[r11]")       \
  EDGEQ_DSP_FINISH("r5", "r9", "r12", "lr", "[r11, #1]")  \
  "ldm r0!, {r3, r8, r9, r12}\n"                          \
  EDGEQ_DSP_FINISH("r6", "r3", "r8", "lr", "[r11, #2]")   \
  EDGEQ_DSP_FINISH("r7", "r9", "r12", "lr", "[r11, #3]")
/* clang-format on */

#include "stream_4ch.h"

void edgeq_depthwise_conv2d_a8_w8_4ch__dsp(const edgeq_depthwise_conv2d_t *layer, const int8_t *input, int8_t *output,
                                           void *scratch) {
  (void)scratch;
  edgeq_for_each_pixel(layer, input, output, pixel);
}
