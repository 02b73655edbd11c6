/* Convolution with 4-bit weights by blocks of 4 channels x 2 pixels.
 *
 * A halfword holds the weights of 4 channels for one tap: u0 + 16 u1 + 256 u2 + 4096 w3, with u = w + 8 (see
 * fields_dsp.h); 4096 times the last sum must fit 32 bits. Packed [o / 4][tap], taps in the order of windows_dsp.h.
 *
 * Per two taps: LDR, LDRD, 3 AND, 8 SMLAD for 16 MACs, plus 3 for every 16 taps: 0.84 instructions per MAC. The limit
 * is SMLAD (0.5), then AND. Whole layers on Cortex-M4: 3x3 64 -> 64 0.91, 1x1 64 -> 64 1.08.
 */
/* clang-format off */
/* The sums of one channel and both pixels times the weights in `w`. */
#define ADD(w, a, b)                              \
  "smlad " a ", " w ", r12, " a "\n"              \
  "smlad " b ", " w ", lr, " b "\n"
#define TAPS_2                                        \
  "ldr r2, [r0], #4\n"                                \
  "ldrd r12, lr, [r1], #8\n" ADD("r2", "r7", "r11")   \
  "and r3, r2, #0x000f000f\n" ADD("r3", "r4", "r8")   \
  "and r3, r2, #0x00f000f0\n" ADD("r3", "r5", "r9")   \
  "and r3, r2, #0x0f000f00\n" ADD("r3", "r6", "r10")
/* clang-format on */
#define EDGEQ_FIELDS_TAPS_4 TAPS_2 TAPS_2
#define EDGEQ_FIELDS_TAPS_4_BYTES "104"
#define EDGEQ_FIELDS_BITS 4
#define EDGEQ_FIELDS_WEIGHT(weights, i) edgeq_stored_half(weights, i)
#define EDGEQ_FIELDS_SHIFT_1 "4"
#define EDGEQ_FIELDS_SHIFT_2 "8"
#define EDGEQ_FIELDS_SHIFT_3 "12"
#define EDGEQ_FIELDS_EXCESS_SHIFT "3"
#include "fields_dsp.h"

void edgeq_conv2d_a8_w4_4x2__dsp(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  edgeq_for_each_pair(layer, input, output, scratch, edgeq_fields_pair);
}
