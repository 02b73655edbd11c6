/* Convolution with 4-bit weights by blocks of 2 channels x 4 pixels; two products per multiplication.
 *
 * For up to 32 taps at a time the values of 4 pixels are spread to pairs (see edgeq_nibble_pairs.h) and shared by all
 * output channels. Weights are packed [tap / 32][o / 2][word][2], words of 8 codes, the last group with only the words
 * that it needs. scratch: 4 bytes per tap, pairs and starts (272 bytes), and 16 bytes per output channel.
 *
 * Measured, inner loop / whole 3x3 64 -> 64 layer: RV32IMC 1.65 / 1.90 (gcc), 2.00 (clang) instructions per MAC (int8
 * 2.58), Cortex-M3 1.5 / 1.87, 1.85 (int8 2.05), Cortex-M0+ 2.8 / 3.47, 3.17 (int8 3.49, 3.28). The limit is a
 * multiplication and an addition per two MACs, then taking weights out of words.
 */
#define EDGEQ_PATCH_TYPE uint8_t
#define EDGEQ_PATCH_PIXELS 4
#define EDGEQ_PATCH_VALUE(x) ((uint8_t)(x) ^ 0x80U)
#define EDGEQ_PATCH_TOTALS 0
#define EDGEQ_PATCH_STEP 8
#define EDGEQ_PATCH_LOCAL 0
#include "edgeq/edgeq_nibble_pairs.h"
#include "patches.h"

/* Channels and pixels whose sums are made at the same time: as many as the registers hold. Weights lie in pairs of
 * channels whatever the core. */
#if defined(__thumb__) && !defined(__thumb2__)
#define CHANNELS 1
#define PIXELS 2
#elif defined(__thumb__)
#define CHANNELS 1
#define PIXELS 4
#else
#define CHANNELS 2
#define PIXELS 4
#endif

/* Adds a product to a sum. Thumb-1 multiplies in place. */
#if defined(__thumb__) && !defined(__thumb2__)
#define ADD(sum, v, f)     \
  do {                     \
    v *= (f);              \
    sum += v;              \
    EDGEQ_FENCE_2(sum, v); \
  } while (0)
#else
#define ADD(sum, v, f) \
  do {                 \
    sum += v * (f);    \
    EDGEQ_FENCE(sum);  \
  } while (0)
#endif

/* Two taps of pixel p. */
#if CHANNELS == 1
#define PIXEL(k, p)                \
  do {                             \
    uint32_t v = x[4 * (k) + (p)]; \
    ADD(t##p, v, f0);              \
  } while (0)
#else
#define PIXEL(k, p)                      \
  do {                                   \
    const uint32_t v = x[4 * (k) + (p)]; \
    ADD(t##p, v, f0);                    \
    ADD(u##p, v, f1);                    \
  } while (0)
#endif

#if PIXELS == 2
#define PIXELS_OF(k) \
  PIXEL(k, 0);       \
  PIXEL(k, 1)
#else
#define PIXELS_OF(k) \
  PIXEL(k, 0);       \
  PIXEL(k, 1);       \
  PIXEL(k, 2);       \
  PIXEL(k, 3)
#endif

/* Two taps of all pixels and channels of a pass. */
#if CHANNELS == 1
#define PAIR(k)                                    \
  do {                                             \
    const uint32_t f0 = codes >> (4 * (k)) & mask; \
    PIXELS_OF(k);                                  \
  } while (0)
#else
#define PAIR(k)                                   \
  do {                                            \
    const uint32_t f0 = w[0] >> (4 * (k)) & mask; \
    const uint32_t f1 = w[1] >> (4 * (k)) & mask; \
    PIXELS_OF(k);                                 \
  } while (0)
#endif

/* Adds up to 32 taps to the sums of CHANNELS channels and PIXELS pixels. start: what their T start from; x: their first
 * pairs, up to `end`. */
static inline void add_taps(const uint32_t *w, const uint32_t *start, const uint32_t *x, const uint32_t *end,
                            int32_t *sums) {
  const uint32_t mask = EDGEQ_PAIRS_MASK;
  uint32_t t0 = start[0], t1 = start[1];
#if PIXELS == 4
  uint32_t t2 = start[2], t3 = start[3];
#endif
#if CHANNELS == 2
  uint32_t u0 = t0, u1 = t1, u2 = t2, u3 = t3;
#endif
  do {
#if CHANNELS == 1
    const uint32_t codes = w[0];
#endif
    PAIR(0);
    PAIR(1);
    PAIR(2);
    PAIR(3);
    w += 2;
    x += 16;
  } while (x != end);
  sums[0] += (int32_t)(t0 >> 16);
  sums[1] += (int32_t)(t1 >> 16);
#if PIXELS == 4
  sums[2] += (int32_t)(t2 >> 16);
  sums[3] += (int32_t)(t3 >> 16);
#endif
#if CHANNELS == 2
  sums[4] += (int32_t)(u0 >> 16);
  sums[5] += (int32_t)(u1 >> 16);
  sums[6] += (int32_t)(u2 >> 16);
  sums[7] += (int32_t)(u3 >> 16);
#endif
}

/* Adds up to 32 taps to the sums of 4 pixels of every pair of channels; returns the weights behind them. */
static EDGEQ_NOINLINE const uint32_t *add_group(const uint32_t *w, const uint32_t *start, const uint32_t *end,
                                                int32_t *sums, const int32_t *sums_end) {
  const int32_t words = (int32_t)(end - start - 4) >> 3; /* of two channels */
  do {
    for (int32_t c = 0; c < 2; c += CHANNELS) {
      for (int32_t p = 0; p < 4; p += PIXELS) {
        add_taps(w + c, start + p, start + 4 + p, end + p, sums + 4 * c + p);
      }
    }
    w += words;
    sums += 8;
  } while (sums != sums_end);
  return w;
}

/* Spreads `taps` (even) of the buffer to pairs, pixel by pixel, behind their start values; returns the end. */
static uint32_t *spread(uint32_t *to, const uint32_t *from, int32_t taps) {
  uint32_t *const start = to;
  uint32_t total0 = 0, total1 = 0, total2 = 0, total3 = 0;
  to += 4;
  for (; taps > 0; taps -= 2, from += 2, to += 4) {
    const uint32_t a = from[0], b = from[1];
    /* pixels 0 and 2, 1 and 3 of each tap, then of both taps; the gathering has added 128 */
    const uint32_t a02 = a & 0xff00ffU, b02 = b & 0xff00ffU, a13 = a >> 8 & 0xff00ffU, b13 = b >> 8 & 0xff00ffU;
    to[0] = ((a02 & 0xffffU) | b02 << 16) - 0x800080U;
    to[1] = ((a13 & 0xffffU) | b13 << 16) - 0x800080U;
    to[2] = (a02 >> 16 | (b02 & 0xffff0000U)) - 0x800080U;
    to[3] = (a13 >> 16 | (b13 & 0xffff0000U)) - 0x800080U;
    total0 += to[0];
    total1 += to[1];
    total2 += to[2];
    total3 += to[3];
  }
  start[0] = edgeq_pairs_start(total0);
  start[1] = edgeq_pairs_start(total1);
  start[2] = edgeq_pairs_start(total2);
  start[3] = edgeq_pairs_start(total3);
  return to;
}

static void block(const edgeq_conv2d_t *layer, const uint32_t *buffer, const int32_t *totals, int32_t count,
                  int8_t *output) {
  const int32_t channels = (layer->out_c + 1) & ~1;
  int32_t taps = (layer->kernel_h * layer->kernel_w * layer->in_c + 7) & ~7;
  uint32_t *const pairs = (uint32_t *)(void *)(buffer + taps); /* the caller's scratch, behind the buffer */
  int32_t *const sums = (int32_t *)pairs + 4 + 2 * EDGEQ_PAIRS_TAPS;
  const uint32_t *weights = (const uint32_t *)(const void *)layer->weights;
  (void)totals;
  for (int32_t c = 0; c < channels; c++) {
    const int32_t bias = layer->bias[c];
    sums[4 * c] = sums[4 * c + 1] = sums[4 * c + 2] = sums[4 * c + 3] = bias;
  }
  while (taps > 0) {
    const int32_t some = taps < EDGEQ_PAIRS_TAPS ? taps : EDGEQ_PAIRS_TAPS;
    const uint32_t *const end = spread(pairs, buffer, some);
    weights = add_group(weights, pairs, end, sums, sums + 4 * channels);
    buffer += some;
    taps -= some;
  }
  edgeq_patch_store(layer, sums, 0, channels, count, output);
}

void edgeq_conv2d_a8_w4_2x4__c(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  edgeq_for_each_block(layer, input, output, scratch, block);
}
