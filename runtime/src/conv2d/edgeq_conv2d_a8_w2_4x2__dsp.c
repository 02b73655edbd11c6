/* Convolution with 2-bit (and ternary) weights by blocks of 4 channels x 2 pixels.
 *
 * A byte holds the weights of 4 channels for one tap: u0 + 4 u1 + 16 u2 + 64 w3, with u = w + 2 (see fields_dsp.h).
 * Packed [o / 4][tap]; SXTB16 gives the bytes of every 4 taps the order of windows_dsp.h.
 *
 * Per four taps: LDR, 2 LDRD, 2 SXTB16, 6 AND, 16 SMLAD for 32 MACs, plus 3 for every 16 taps: 0.87 instructions per
 * MAC. The limit is SMLAD (0.5), then AND. Whole layers on Cortex-M4: 3x3 64 -> 64 0.94, 1x1 64 -> 64 1.11.
 */
/* clang-format off */
/* The sums of one channel and both pixels times the weights in `w`. */
#define ADD(w, a, b)                              \
  "smlad " a ", " w ", r12, " a "\n"              \
  "smlad " b ", " w ", lr, " b "\n"
/* Two taps: the halfwords as they are in `all`, those with the fields in r2. */
#define TAPS_2(all)                                   \
  "ldrd r12, lr, [r1], #8\n" ADD(all, "r7", "r11")    \
  "and r3, r2, #0x00030003\n" ADD("r3", "r4", "r8")   \
  "and r3, r2, #0x000c000c\n" ADD("r3", "r5", "r9")   \
  "and r3, r2, #0x00300030\n" ADD("r3", "r6", "r10")
#define EDGEQ_FIELDS_TAPS_4                           \
  "ldr r2, [r0], #4\n"                                \
  "sxtb16 r3, r2\n" TAPS_2("r3")                      \
  "sxtb16 r2, r2, ror #8\n" TAPS_2("r2")
/* clang-format on */
#define EDGEQ_FIELDS_TAPS_4_BYTES "108"
#define EDGEQ_FIELDS_BITS 2
#define EDGEQ_FIELDS_WEIGHT(weights, i) (weights)[edgeq_sxtb16_place(i)]
#define EDGEQ_FIELDS_SHIFT_1 "2"
#define EDGEQ_FIELDS_SHIFT_2 "4"
#define EDGEQ_FIELDS_SHIFT_3 "6"
#define EDGEQ_FIELDS_EXCESS_SHIFT "1"
#include "fields_dsp.h"

void edgeq_conv2d_a8_w2_4x2__dsp(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  edgeq_for_each_pair(layer, input, output, scratch, edgeq_fields_pair);
}
