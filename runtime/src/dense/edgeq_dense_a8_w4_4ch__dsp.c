/* Fully connected layer with 4-bit weights by blocks of 4 outputs.
 *
 * A halfword holds the weights of 4 outputs for one tap: u0 + 16 u1 + 256 u2 + 4096 w3, with u = w + 8 (see
 * fields_dsp.h); 4096 times the last sum must fit 32 bits. Packed [o / 4][tap], taps in the order of inputs_dsp.h.
 *
 * Per 8 taps: 3 loads, 12 AND, 16 SMLAD for 32 MACs, plus 2 for every 64 taps: 0.98 instructions per MAC. The limit is
 * SMLAD (0.5), then AND. The whole 256 -> 256 layer on Cortex-M4: 1.08.
 */
#define EDGEQ_INPUTS_TAP_BYTES 2
#define EDGEQ_INPUTS_EXCESS 8

/* clang-format off */
/* Two taps: weights w, inputs x; sums in r4 to r7. */
#define TAPS_2(w, x)                                               \
  "smlad r7, " w ", " x ", r7\n"                                   \
  "and r12, " w ", #0x000f000f\n" "smlad r4, r12, " x ", r4\n"     \
  "and r12, " w ", #0x00f000f0\n" "smlad r5, r12, " x ", r5\n"     \
  "and r12, " w ", #0x0f000f00\n" "smlad r6, r12, " x ", r6\n"
#define EDGEQ_FIELDS_TAPS_8                                        \
  "ldm r1!, {r8-r11}\n"                                            \
  "ldrd r2, r3, [r0], #8\n" TAPS_2("r2", "r8") TAPS_2("r3", "r9")  \
  "ldrd r2, r3, [r0], #8\n" TAPS_2("r2", "r10") TAPS_2("r3", "r11")
/* clang-format on */
#define EDGEQ_FIELDS_TAPS_8_BYTES "124"
#define EDGEQ_FIELDS_BITS 4
#define EDGEQ_FIELDS_WEIGHT(weights, i) edgeq_stored_half(weights, i)
#define EDGEQ_FIELDS_SHIFT_1 "4"
#define EDGEQ_FIELDS_SHIFT_2 "8"
#define EDGEQ_FIELDS_SHIFT_3 "12"
#include "fields_dsp.h"

void edgeq_dense_a8_w4_4ch__dsp(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  (void)scratch;
  edgeq_for_each_row(layer, input, output, edgeq_fields_sum);
}
