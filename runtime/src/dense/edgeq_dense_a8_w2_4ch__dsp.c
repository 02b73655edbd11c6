/* Fully connected layer with 2-bit (and ternary) weights by blocks of 4 outputs.
 *
 * A byte holds the weights of 4 outputs for one tap: u0 + 4 u1 + 16 u2 + 64 w3, with u = w + 2 (see fields_dsp.h).
 * Packed [o / 4][tap]; SXTB16 gives the bytes of every 4 taps the order of inputs_dsp.h.
 *
 * Per 8 taps: 2 loads, 4 SXTB16, 12 AND, 16 SMLAD for 32 MACs, plus 2 for every 64 taps: 1.07 instructions per MAC. The
 * limit is SMLAD (0.5), then AND. The whole 256 -> 256 layer on Cortex-M4: 1.17.
 */
#define EDGEQ_INPUTS_TAP_BYTES 1
#define EDGEQ_INPUTS_EXCESS 2

/* clang-format off */
/* Two taps: the halfwords as they are in `all`, those with the fields in w, inputs x; sums in r4 to r7. */
#define TAPS_2(all, w, x)                                          \
  "smlad r7, " all ", " x ", r7\n"                                 \
  "and r12, " w ", #0x00030003\n" "smlad r4, r12, " x ", r4\n"     \
  "and r12, " w ", #0x000c000c\n" "smlad r5, r12, " x ", r5\n"     \
  "and r12, " w ", #0x00300030\n" "smlad r6, r12, " x ", r6\n"
#define TAPS_4(w, a, b)                                            \
  "sxtb16 r12, " w "\n" TAPS_2("r12", w, a)                        \
  "sxtb16 " w ", " w ", ror #8\n" TAPS_2(w, w, b)
#define EDGEQ_FIELDS_TAPS_8                                        \
  "ldm r1!, {r8-r11}\n"                                            \
  "ldrd r2, r3, [r0], #8\n"                                        \
  TAPS_4("r2", "r8", "r9") TAPS_4("r3", "r10", "r11")
/* clang-format on */
#define EDGEQ_FIELDS_TAPS_8_BYTES "136"
#define EDGEQ_FIELDS_BITS 2
#define EDGEQ_FIELDS_WEIGHT(weights, i) (weights)[edgeq_sxtb16_place(i)]
#define EDGEQ_FIELDS_SHIFT_1 "2"
#define EDGEQ_FIELDS_SHIFT_2 "4"
#define EDGEQ_FIELDS_SHIFT_3 "6"
#include "fields_dsp.h"

void edgeq_dense_a8_w2_4ch__dsp(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  (void)scratch;
  edgeq_for_each_row(layer, input, output, edgeq_fields_sum);
}
