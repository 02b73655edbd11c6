/* Dense layers by tables of sums: the body of edgeq_dense_a8_<weights>_table__c.
 *
 * A byte of weights holds several weights, so the sum of their products has at most 256 values. For 8 bytes at a time
 * all these sums are computed once per row of the input and then shared by all outputs: an output adds one entry per
 * byte. (Tables of sums: T-MAC, Wei et al., 2024.)
 *
 * A kernel defines, before including this file,
 *   EDGEQ_KERNEL        its name
 *   EDGEQ_TABLE_INPUTS  weights per byte
 *   EDGEQ_TABLE_LOW, EDGEQ_TABLE_HIGH  entries of the two parts of a table; a byte is low + EDGEQ_TABLE_LOW * high
 *   EDGEQ_TABLE_PART    words of low sums that the filling keeps in registers, 7 or 8; divides EDGEQ_TABLE_LOW / 2
 *   EDGEQ_TABLE_ROWS    high sums per pass of the filling, 3 or 4; divides EDGEQ_TABLE_HIGH
 *   edgeq_table_sums(low, high, x)  computes the sums of both parts from EDGEQ_TABLE_INPUTS values; one of the parts
 *                       with a constant added (taken off again in the packed bias), so that no entry is negative and
 *                       two entries can be added up as one word
 *
 * Weights: groups of 8 bytes as [group][o][8], then one of 4, then bytes as [byte][o]; outputs filled up to an even
 * number. scratch: the tables, then one int32 per output.
 */
#include "edgeq/edgeq_compiler.h"
#include "edgeq/edgeq_dense.h"
#include "edgeq/edgeq_requantize.h"

#define EDGEQ_TABLE_COLUMNS 8
#define EDGEQ_TABLE_ENTRIES (EDGEQ_TABLE_LOW * EDGEQ_TABLE_HIGH)
#define EDGEQ_TABLE_WORD(i, k) to[(i) * (EDGEQ_TABLE_LOW / 2) + (k)] = l##k + sum

#if EDGEQ_TABLE_PART == 8
#define EDGEQ_TABLE_LAST(i) EDGEQ_TABLE_WORD(i, 7)
#else
#define EDGEQ_TABLE_LAST(i) ((void)0)
#endif

/* A part of the entries of high sum i. */
#define EDGEQ_TABLE_ROW(i)     \
  do {                         \
    const uint32_t sum = h[i]; \
    EDGEQ_TABLE_WORD(i, 0);    \
    EDGEQ_TABLE_WORD(i, 1);    \
    EDGEQ_TABLE_WORD(i, 2);    \
    EDGEQ_TABLE_WORD(i, 3);    \
    EDGEQ_TABLE_WORD(i, 4);    \
    EDGEQ_TABLE_WORD(i, 5);    \
    EDGEQ_TABLE_WORD(i, 6);    \
    EDGEQ_TABLE_LAST(i);       \
  } while (0)

/* Entry low + LOW * high is the sum of both parts. low: two sums per word, high: the same sum in both halves. */
static inline void fill_table(uint32_t *table, const uint32_t *low, const uint32_t *high) {
  for (int32_t part = 0; part < EDGEQ_TABLE_LOW / 2; part += EDGEQ_TABLE_PART) {
    uint32_t *to = table + part;
    const uint32_t l0 = low[0], l1 = low[1], l2 = low[2], l3 = low[3], l4 = low[4], l5 = low[5], l6 = low[6];
#if EDGEQ_TABLE_PART == 8
    const uint32_t l7 = low[7];
#endif
    const uint32_t *h = high;
    low += EDGEQ_TABLE_PART;
    do {
      EDGEQ_TABLE_ROW(0);
      EDGEQ_TABLE_ROW(1);
      EDGEQ_TABLE_ROW(2);
#if EDGEQ_TABLE_ROWS == 4
      EDGEQ_TABLE_ROW(3);
#endif
      h += EDGEQ_TABLE_ROWS;
      to += EDGEQ_TABLE_ROWS * (EDGEQ_TABLE_LOW / 2);
    } while (h != high + EDGEQ_TABLE_HIGH);
  }
}

/* Tables for up to 8 bytes of weights, for the inputs from x on; returns how many there are before `end`. */
static EDGEQ_NOINLINE int32_t make_tables(uint32_t *table, const int8_t *x, const int8_t *end) {
  int32_t count = 0;
  do {
    uint32_t low[EDGEQ_TABLE_LOW / 2], high[EDGEQ_TABLE_HIGH];
    int8_t last[EDGEQ_TABLE_INPUTS];
    const int8_t *from = x;
    if (end - x < EDGEQ_TABLE_INPUTS) {
      for (int32_t i = 0; i < EDGEQ_TABLE_INPUTS; i++) {
        last[i] = x + i < end ? x[i] : 0;
      }
      from = last;
    }
    edgeq_table_sums(low, high, from);
    fill_table(table, low, high);
    table += EDGEQ_TABLE_ENTRIES / 2;
    x += EDGEQ_TABLE_INPUTS;
    count++;
  } while (count < EDGEQ_TABLE_COLUMNS && x < end);
  return count;
}

#define EDGEQ_TABLE_ADD(i, k) \
  s += t##k[w[i]];            \
  EDGEQ_FENCE(s)

/* One output: an entry of each of 4 tables, whose bytes start at w[first]. */
#define EDGEQ_TABLE_ADD_4(first, a, b, c, d) \
  EDGEQ_TABLE_ADD(first, a);                 \
  EDGEQ_TABLE_ADD((first) + 1, b);           \
  EDGEQ_TABLE_ADD((first) + 2, c);           \
  EDGEQ_TABLE_ADD((first) + 3, d)

#define EDGEQ_TABLE_ADDS_4(i) EDGEQ_TABLE_ADD_4(4 * (i), 0, 1, 2, 3)
#define EDGEQ_TABLE_ADDS_8(i)             \
  EDGEQ_TABLE_ADD_4(8 * (i), 0, 1, 2, 3); \
  EDGEQ_TABLE_ADD_4(8 * (i) + 4, 4, 5, 6, 7)
#define EDGEQ_TABLE_OUTPUT(i, ADDS) \
  do {                              \
    int32_t s = sums[i];            \
    ADDS(i);                        \
    sums[i] = s;                    \
  } while (0)

/* The table after another, in a register of its own: or gcc adds the distance anew for every entry. */
#define EDGEQ_TABLE_AFTER(a, b)                    \
  const edgeq_lane_t *b = a + EDGEQ_TABLE_ENTRIES; \
  EDGEQ_FENCE(b)

/* Adds 8 columns to all outputs; returns the weights behind them. */
static EDGEQ_NOINLINE const uint8_t *add_8_columns(const uint8_t *w, const edgeq_lane_t *t0, int32_t *sums,
                                                   const int32_t *end) {
  EDGEQ_TABLE_AFTER(t0, t1);
  EDGEQ_TABLE_AFTER(t1, t2);
  EDGEQ_TABLE_AFTER(t2, t3);
  EDGEQ_TABLE_AFTER(t3, t4);
  EDGEQ_TABLE_AFTER(t4, t5);
  EDGEQ_TABLE_AFTER(t5, t6);
  EDGEQ_TABLE_AFTER(t6, t7);
  do {
    EDGEQ_TABLE_OUTPUT(0, EDGEQ_TABLE_ADDS_8);
    EDGEQ_TABLE_OUTPUT(1, EDGEQ_TABLE_ADDS_8);
    w += 16;
    sums += 2;
  } while (sums != end);
  return w;
}

static EDGEQ_NOINLINE const uint8_t *add_4_columns(const uint8_t *w, const edgeq_lane_t *t0, int32_t *sums,
                                                   const int32_t *end) {
  EDGEQ_TABLE_AFTER(t0, t1);
  EDGEQ_TABLE_AFTER(t1, t2);
  EDGEQ_TABLE_AFTER(t2, t3);
  do {
    EDGEQ_TABLE_OUTPUT(0, EDGEQ_TABLE_ADDS_4);
    EDGEQ_TABLE_OUTPUT(1, EDGEQ_TABLE_ADDS_4);
    w += 8;
    sums += 2;
  } while (sums != end);
  return w;
}

/* Adds one column to all outputs; returns the weights behind it. */
static const uint8_t *add_column(const uint8_t *w, const edgeq_lane_t *table, int32_t *sums, const int32_t *end) {
  do {
    sums[0] += table[w[0]];
    sums[1] += table[w[1]];
    w += 2;
    sums += 2;
  } while (sums != end);
  return w;
}

void EDGEQ_KERNEL(const edgeq_dense_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const int32_t low = layer->clamp_min, high = layer->clamp_max, out_c = layer->out_c;
  const int32_t zero_point = layer->output_zero_point;
  uint32_t *const tables = (uint32_t *)scratch;
  int32_t *const sums = (int32_t *)tables + EDGEQ_TABLE_COLUMNS * EDGEQ_TABLE_ENTRIES / 2;
  int32_t *const sums_end = sums + ((out_c + 1) & ~1);
  for (int32_t row = 0; row < layer->rows; row++) {
    const int8_t *const end = input + layer->in_c;
    const uint8_t *weights = (const uint8_t *)layer->weights;
    const int32_t *from = layer->bias;
    for (int32_t *sum = sums; sum != sums_end; sum++) {
      *sum = *from++;
    }
    do {
      const int32_t columns = make_tables(tables, input, end);
      const edgeq_lane_t *table = (const edgeq_lane_t *)tables;
      int32_t left = columns & 3;
      if (columns == EDGEQ_TABLE_COLUMNS) {
        weights = add_8_columns(weights, table, sums, sums_end);
      } else if (columns >= 4) {
        weights = add_4_columns(weights, table, sums, sums_end);
        table += 4 * EDGEQ_TABLE_ENTRIES;
      }
      for (; left > 0; left--, table += EDGEQ_TABLE_ENTRIES) {
        weights = add_column(weights, table, sums, sums_end);
      }
      input += EDGEQ_TABLE_COLUMNS * EDGEQ_TABLE_INPUTS;
    } while (input < end);
    input = end;
    const int32_t *multiplier = layer->multiplier;
    const int8_t *shift = layer->shift;
    for (int32_t o = 0; o < out_c; o++) {
      const int32_t m = edgeq_factor_multiplier(multiplier, shift, o), right = edgeq_factor_shift(multiplier, shift, o);
      *output++ = edgeq_finish_once(sums[o], m, right, zero_point, low, high);
    }
  }
}
