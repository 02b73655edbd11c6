/* Convolution by blocks of 2 channels x 2 pixels, for cores with 8 registers (Cortex-M0, M0+).
 *
 * Two pixels share a register as x = x0 + 2^16 x1, so one multiplication serves both. Values and weights have 128
 * added, so that both are unsigned: the products fit 16 bits each and t >> 16 is exactly the high lane. H adds those
 * up; T adds all of t modulo 2^32; at the end pixel 1 is H and pixel 0 is T - 2^16 H. The 128s go out again by
 *     sum (u - 128) (v - 128) = sum u v - 128 sum u - 128 sum v + 128^2 taps,
 * the second term per pixel from the gathering, the last two in the packed bias.
 *
 * Weights are packed [o / 2][tap][2], plus 128, taps filled up to a multiple of 4 with (unsigned) zeros. Per tap:
 * 3 loads, 2 multiplications, 6 additions and shifts for 4 MACs, in exactly the 8 low registers.
 *
 * Measured on Cortex-M0+, inner loop / whole 1x1 64 -> 64 layer: 3.0 / 4.3 (clang), 4.6 (gcc) instructions per MAC. The
 * limit is separating the lanes; 79 instructions per output go into requantizing (four multiplications for one) and
 * storing.
 */
#define EDGEQ_PATCH_TYPE edgeq_lane_t
#define EDGEQ_PATCH_PIXELS 2
/* x + 128, by the load that Thumb-1 has and a bit flip */
#define EDGEQ_PATCH_VALUE(x) ((uint8_t)(x) ^ 0x80U)
#define EDGEQ_PATCH_TOTALS 1
#define EDGEQ_PATCH_STEP 4
#include "patches.h"

/* One tap of channel i: two pixels in v times one weight. */
#define CHANNEL(i, weight)     \
  do {                         \
    uint32_t t = (weight) * v; \
    t##i += t;                 \
    EDGEQ_FENCE_2(t##i, t);    \
    t >>= 16;                  \
    h##i += t;                 \
    EDGEQ_FENCE_2(h##i, t);    \
  } while (0)

/* One tap: two weights at w[2 i], two pixels at x[i]. */
#define TAP(i)                  \
  do {                          \
    const uint32_t v = x[i];    \
    CHANNEL(0, w[2 * (i)]);     \
    CHANNEL(1, w[2 * (i) + 1]); \
  } while (0)

/* sums[2 c + p]: channel c, pixel p. */
static EDGEQ_NOINLINE const uint8_t *sum_block(const uint8_t *w, const uint32_t *x, const uint32_t *end,
                                               const int32_t *totals, const int32_t *bias, int32_t *sums) {
  uint32_t t0 = 0, t1 = 0, h0 = 0, h1 = 0;
  do {
    TAP(0);
    TAP(1);
    TAP(2);
    TAP(3);
    w += 8;
    x += 4;
  } while (x != end);
  sums[0] = (int32_t)(t0 - (h0 << 16)) - totals[0] + bias[0];
  sums[1] = (int32_t)h0 - totals[1] + bias[0];
  sums[2] = (int32_t)(t1 - (h1 << 16)) - totals[0] + bias[1];
  sums[3] = (int32_t)h1 - totals[1] + bias[1];
  return w;
}

static void block(const edgeq_conv2d_t *layer, const uint32_t *buffer, const int32_t *totals, int32_t count,
                  int8_t *output) {
  const int32_t taps = (layer->kernel_h * layer->kernel_w * layer->in_c + 3) & ~3;
  const uint8_t *weights = (const uint8_t *)layer->weights;
  const int32_t channels = layer->out_c;
  for (int32_t o = 0; o < channels; o += 2) {
    int32_t sums[4];
    weights = sum_block(weights, buffer, buffer + taps, totals, layer->bias + o, sums);
    edgeq_patch_store(layer, sums, o, 2, count, output);
  }
}

void edgeq_conv2d_a8_w8_2x2__c(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  edgeq_for_each_block(layer, input, output, scratch, block);
}
