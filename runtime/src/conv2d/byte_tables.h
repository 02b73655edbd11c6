/* Convolutions by tables of sums, 4 pixels at a time: the body of edgeq_conv2d_a8_<weights>_table__c.
 *
 * A byte of weights has two parts of a few weights each, so the sum of a part's products has few values. For 4 bytes at
 * a time these sums are computed for 4 pixels and then shared by all output channels: a channel adds two entries per
 * byte. An entry is two words, each with two pixels in lanes of 16 bits (pixels 0, 2 and 1, 3). (Tables of sums: T-MAC,
 * Wei et al., 2024.)
 *
 * A kernel defines, before including this file,
 *   EDGEQ_KERNEL       its name
 *   EDGEQ_TABLE_TAPS   weights per byte
 *   EDGEQ_TABLE_LOW, EDGEQ_TABLE_HIGH  entries of the two parts
 *   edgeq_table_sums(table, x)  writes the sum of entry i to table[2 * i], of all low and then all high entries, from
 *                      EDGEQ_TABLE_TAPS words of two lanes; low sums are EDGEQ_TABLE_OFFSET too high, so that the sum
 * of both parts is in [0, 2 * EDGEQ_TABLE_OFFSET]. The packed bias takes the offsets off. EDGEQ_TABLE_SPLIT(byte, low,
 * high)  8 times the two parts of a byte
 *
 * Weights: groups of 4 bytes as [group][o][4], then the other bytes as [byte][o]. scratch: 4 bytes per tap, tables,
 * and 24 bytes per output channel.
 */
#define EDGEQ_PATCH_TYPE uint8_t
#define EDGEQ_PATCH_PIXELS 4
#define EDGEQ_PATCH_VALUE(x) ((uint8_t)(x) ^ 0x80U)
#define EDGEQ_PATCH_TOTALS 0
#define EDGEQ_PATCH_STEP 1
#define EDGEQ_PATCH_LOCAL 0
#define EDGEQ_PATCH_ONE_FACTOR 1
#include "patches.h"

#define EDGEQ_TABLE_COLUMNS 4
#define EDGEQ_TABLE_WORDS (2 * (EDGEQ_TABLE_LOW + EDGEQ_TABLE_HIGH))
/* Groups that two lanes hold. */
#define EDGEQ_TABLE_GROUPS (65535 / (2 * EDGEQ_TABLE_OFFSET) / EDGEQ_TABLE_COLUMNS)

/* One word of every entry of a byte's table. */
static EDGEQ_NOINLINE void fill_table(uint32_t *table, const uint32_t *x) {
  edgeq_table_sums(table, x);
}

/* The table of a byte, for the taps from x on; there are `count`. */
static void make_table(uint32_t *table, const uint32_t *x, int32_t count) {
  uint32_t even[EDGEQ_TABLE_TAPS], odd[EDGEQ_TABLE_TAPS];
  for (int32_t i = 0; i < EDGEQ_TABLE_TAPS; i++) {
    const uint32_t bytes = i < count ? x[i] : 0x80808080U; /* taps that do not exist are 0 */
    even[i] = (bytes & 0x00ff00ffU) - 0x00800080U;
    odd[i] = (bytes >> 8 & 0x00ff00ffU) - 0x00800080U;
  }
  fill_table(table, even);
  fill_table(table + 1, odd);
}

/* Adds an entry of table k, `at` bytes in, to both words of a channel. */
#define EDGEQ_TABLE_ENTRY(k, at)                                                             \
  do {                                                                                       \
    const uint32_t *entry = (const uint32_t *)(const void *)((const uint8_t *)table + (at)); \
    EDGEQ_FENCE(entry);                                                                      \
    s0 += entry[(k)];                                                                        \
    s1 += entry[(k) + 1];                                                                    \
    EDGEQ_FENCE_2(s0, s1);                                                                   \
  } while (0)

/* Adds the two entries of byte k. */
#define EDGEQ_TABLE_BYTE(k)                                                 \
  do {                                                                      \
    uint32_t low, high;                                                     \
    EDGEQ_TABLE_SPLIT(w[k], low, high);                                     \
    EDGEQ_TABLE_ENTRY((k) * EDGEQ_TABLE_WORDS, low);                        \
    EDGEQ_TABLE_ENTRY((k) * EDGEQ_TABLE_WORDS + 2 * EDGEQ_TABLE_LOW, high); \
  } while (0)

/* Adds 4 bytes per channel; lanes: two words per channel. Returns the weights behind them. */
static EDGEQ_NOINLINE const uint8_t *add_4_columns(const uint8_t *w, const uint32_t *table, uint32_t *lanes,
                                                   const uint32_t *end) {
  EDGEQ_TABLE_CONSTANTS;
  do {
    uint32_t s0 = lanes[0], s1 = lanes[1];
    EDGEQ_TABLE_BYTE(0);
    EDGEQ_TABLE_BYTE(1);
    EDGEQ_TABLE_BYTE(2);
    EDGEQ_TABLE_BYTE(3);
    lanes[0] = s0;
    lanes[1] = s1;
    w += EDGEQ_TABLE_COLUMNS;
    lanes += 2;
  } while (lanes != end);
  return w;
}

/* Adds one byte per channel. */
static EDGEQ_NOINLINE const uint8_t *add_column(const uint8_t *w, const uint32_t *table, uint32_t *lanes,
                                                const uint32_t *end) {
  EDGEQ_TABLE_CONSTANTS;
  do {
    uint32_t s0 = lanes[0], s1 = lanes[1];
    EDGEQ_TABLE_BYTE(0);
    lanes[0] = s0;
    lanes[1] = s1;
    w++;
    lanes += 2;
  } while (lanes != end);
  return w;
}

/* Adds the lanes to the sums of 4 pixels per channel, and clears them. */
static EDGEQ_NOINLINE void add_lanes(int32_t *sums, uint32_t *lanes, const uint32_t *end) {
  do {
    const uint32_t even = lanes[0], odd = lanes[1];
    sums[0] += (int32_t)(even & 0xffffU);
    sums[1] += (int32_t)(odd & 0xffffU);
    sums[2] += (int32_t)(even >> 16);
    sums[3] += (int32_t)(odd >> 16);
    lanes[0] = lanes[1] = 0;
    lanes += 2;
    sums += 4;
  } while (lanes != end);
}

static void block(const edgeq_conv2d_t *layer, const uint32_t *buffer, const int32_t *totals, int32_t count,
                  int8_t *output) {
  const int32_t channels = layer->out_c;
  int32_t taps = layer->kernel_h * layer->kernel_w * layer->in_c;
  /* The caller's scratch, behind the buffer. */
  uint32_t *const tables = (uint32_t *)(void *)(buffer + taps);
  uint32_t *const lanes = tables + EDGEQ_TABLE_COLUMNS * EDGEQ_TABLE_WORDS;
  uint32_t *const end = lanes + 2 * channels;
  int32_t *const sums = (int32_t *)end;
  const uint8_t *weights = (const uint8_t *)layer->weights;
  int32_t open = EDGEQ_TABLE_GROUPS;
  (void)totals;
  for (int32_t c = 0; c < channels; c++) {
    const int32_t bias = layer->bias[c];
    lanes[2 * c] = lanes[2 * c + 1] = 0;
    sums[4 * c] = sums[4 * c + 1] = sums[4 * c + 2] = sums[4 * c + 3] = bias;
  }
  for (; taps > (EDGEQ_TABLE_COLUMNS - 1) * EDGEQ_TABLE_TAPS; taps -= EDGEQ_TABLE_COLUMNS * EDGEQ_TABLE_TAPS) {
    for (int32_t i = 0; i < EDGEQ_TABLE_COLUMNS; i++) {
      make_table(tables + i * EDGEQ_TABLE_WORDS, buffer + i * EDGEQ_TABLE_TAPS, taps - i * EDGEQ_TABLE_TAPS);
    }
    weights = add_4_columns(weights, tables, lanes, end);
    buffer += EDGEQ_TABLE_COLUMNS * EDGEQ_TABLE_TAPS;
    if (--open == 0) {
      add_lanes(sums, lanes, end);
      open = EDGEQ_TABLE_GROUPS;
    }
  }
  for (; taps > 0; taps -= EDGEQ_TABLE_TAPS) { /* at most 3: a group's worth of room is left in the lanes */
    make_table(tables, buffer, taps);
    weights = add_column(weights, tables, lanes, end);
    buffer += EDGEQ_TABLE_TAPS;
  }
  add_lanes(sums, lanes, end);
  edgeq_patch_store(layer, sums, 0, channels, count, output);
}

void EDGEQ_KERNEL(const edgeq_conv2d_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  edgeq_for_each_block(layer, input, output, scratch, block);
}
