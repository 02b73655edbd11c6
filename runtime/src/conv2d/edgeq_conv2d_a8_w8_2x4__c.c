/* Convolution by blocks of 2 channels x 4 pixels, for cores with multiply-accumulate and 13 free registers.
 *
 * The windows of 4 pixels are gathered byte by byte, interleaved, so that one pointer reads all; weights are packed
 * [o / 2][tap][2], taps filled up to a multiple of 4 with zeros. Per tap: 6 loads, 8 multiply-accumulates.
 *
 * Measured, inner loop / whole 1x1 64 -> 64 layer: Cortex-M3 1.9 / 2.5 instructions per MAC, RV32IMC 2.9 / 3.5. The
 * limit is the multiply-accumulates (1.0) and the byte loads (0.75); 38 instructions per output go into requantizing
 * and storing.
 */
#define EDGEQ_PATCH_TYPE int8_t
#define EDGEQ_PATCH_PIXELS 4
#define EDGEQ_PATCH_VALUE(x) (x)
#define EDGEQ_PATCH_TOTALS 0
#define EDGEQ_PATCH_STEP 4
#include "patches.h"

/* Pixel p of tap i. The fence keeps the loads of later pixels from taking the registers of the sums. */
#define PIXEL(i, p, a, b)               \
  do {                                  \
    const int32_t v = x[4 * (i) + (p)]; \
    s##a += w0 * v;                     \
    s##b += w1 * v;                     \
    EDGEQ_FENCE_2(s##a, s##b);          \
  } while (0)

/* One tap: two weights at w[2 i], four pixels at x[4 i]. */
#define TAP(i)                                          \
  do {                                                  \
    const int32_t w0 = w[2 * (i)], w1 = w[2 * (i) + 1]; \
    PIXEL(i, 0, 0, 4);                                  \
    PIXEL(i, 1, 1, 5);                                  \
    PIXEL(i, 2, 2, 6);                                  \
    PIXEL(i, 3, 3, 7);                                  \
  } while (0)

/* sums[4 c + p]: channel c, pixel p. */
static EDGEQ_NOINLINE const int8_t *sum_block(const int8_t *w, const int8_t *x, const int8_t *end, const int32_t *bias,
                                              int32_t sums[8]) {
  int32_t s0 = bias[0], s1 = s0, s2 = s0, s3 = s0, s4 = bias[1], s5 = s4, s6 = s4, s7 = s4;
  do {
    TAP(0);
    TAP(1);
    TAP(2);
    TAP(3);
    w += 8;
    x += 16;
  } while (x != end);
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
  sums[4] = s4;
  sums[5] = s5;
  sums[6] = s6;
  sums[7] = s7;
  return w;
}

static void block(const edgeq_conv2d_t *layer, const uint32_t *buffer, const int32_t *totals, int32_t count,
                  int8_t *output) {
  const int32_t taps = (layer->kernel_h * layer->kernel_w * layer->in_c + 3) & ~3;
  const int8_t *weights = layer->weights;
  const int32_t channels = layer->out_c;
  (void)totals;
  for (int32_t o = 0; o < channels; o += 2) {
    int32_t sums[8];
    weights = sum_block(weights, (const int8_t *)buffer, (const int8_t *)(buffer + taps), layer->bias + o, sums);
    edgeq_patch_store(layer, sums, o, 2, count, output);
  }
}

void edgeq_conv2d_a8_w8_2x4__c(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  edgeq_for_each_block(layer, input, output, scratch, block);
}
