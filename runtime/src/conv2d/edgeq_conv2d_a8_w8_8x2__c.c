/* Convolution by blocks of 8 channels x 2 pixels, for cores with many registers and no multiply-accumulate.
 *
 * Two pixels share a register as x = x0 + 2^16 x1, so one multiplication serves both. A product sum t of two taps has
 * a low lane within 16 bits (|x| <= 128, |w| <= 127: 32512 at most), so with 2^15 added, t >> 16 is exactly the high
 * lane's sum. H adds those up; T adds all of t modulo 2^32; at the end pixel 1 is H and pixel 0 is T - 2^16 H.
 *
 * The windows of 2 pixels are gathered as 16-bit values + 128 (so that the lanes do not borrow); weights are packed
 * [o / 8][tap / 2][8][2], taps filled up to an even number with zeros. Per two taps and channel: 2 loads,
 * 2 multiplications, 5 additions and shifts for 4 MACs.
 *
 * Measured, inner loop / whole 1x1 64 -> 64 layer: RV32IMC 2.47 / 3.0 instructions per MAC with half a multiplication
 * per MAC, Cortex-M3 2.9 / 3.6. The limit is separating the lanes (1.25), which groups of 4 taps would halve where
 * weights allow.
 */
#define EDGEQ_PATCH_TYPE edgeq_lane_t
#define EDGEQ_PATCH_PIXELS 2
#define EDGEQ_PATCH_VALUE(x) ((uint8_t)(x) ^ 0x80U)
#define EDGEQ_PATCH_TOTALS 0
#define EDGEQ_PATCH_STEP 2
#include "patches.h"

#define CHANNELS 8

/* Two taps of channel i. */
#define CHANNEL(i)                                                       \
  do {                                                                   \
    const int32_t wa = w[2 * (i)], wb = w[2 * (i) + 1];                  \
    int32_t t = (int32_t)(xa * (uint32_t)wa + xb * (uint32_t)wb + half); \
    t##i += (uint32_t)t;                                                 \
    EDGEQ_FENCE_2(t##i, t);                                              \
    t >>= 16;                                                            \
    h##i += t;                                                           \
    EDGEQ_FENCE_2(h##i, t);                                              \
  } while (0)

/* sums[2 c + p]: channel c, pixel p. */
static EDGEQ_NOINLINE const int8_t *sum_block(const int8_t *w, const uint32_t *x, const uint32_t *end,
                                              const int32_t *bias, int32_t *sums) {
  const uint32_t half = 0x8000;
  const uint32_t lanes = 0x00800080; /* what the gathering added */
  /* Every pass adds `half` to t once too often. */
  const uint32_t excess = (half / 2) * (uint32_t)(end - x);
  int32_t h0 = bias[0], h1 = bias[1], h2 = bias[2], h3 = bias[3], h4 = bias[4], h5 = bias[5], h6 = bias[6],
          h7 = bias[7];
#define START(i) uint32_t t##i = (uint32_t)h##i * 0x10001U - excess
  START(0);
  START(1);
  START(2);
  START(3);
  START(4);
  START(5);
  START(6);
  START(7);
  do {
    const uint32_t xa = x[0] - lanes, xb = x[1] - lanes;
    CHANNEL(0);
    CHANNEL(1);
    CHANNEL(2);
    CHANNEL(3);
    CHANNEL(4);
    CHANNEL(5);
    CHANNEL(6);
    CHANNEL(7);
    w += 2 * CHANNELS;
    x += 2;
  } while (x != end);
#define STORE(i)                                            \
  sums[2 * (i)] = (int32_t)(t##i - ((uint32_t)h##i << 16)); \
  sums[2 * (i) + 1] = h##i
  STORE(0);
  STORE(1);
  STORE(2);
  STORE(3);
  STORE(4);
  STORE(5);
  STORE(6);
  STORE(7);
  return w;
}

static void block(const edgeq_conv2d_t *layer, const uint32_t *buffer, const int32_t *totals, int32_t count,
                  int8_t *output) {
  const int32_t taps = (layer->kernel_h * layer->kernel_w * layer->in_c + 1) & ~1;
  const int8_t *weights = layer->weights;
  const int32_t channels = layer->out_c;
  (void)totals;
  for (int32_t o = 0; o < channels; o += CHANNELS) {
    int32_t sums[2 * CHANNELS];
    weights = sum_block(weights, buffer, buffer + taps, layer->bias + o, sums);
    edgeq_patch_store(layer, sums, o, CHANNELS, count, output);
  }
}

void edgeq_conv2d_a8_w8_8x2__c(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  edgeq_for_each_block(layer, input, output, scratch, block);
}
