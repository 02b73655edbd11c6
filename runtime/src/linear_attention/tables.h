/* Linear attention over a whole window, four bits of the codes at a time: the body of
 * edgeq_linear_attention_a<codes>_tables__c. The including file defines EDGEQ_KERNEL and EDGEQ_PACKED, whether codes
 * are packed.
 *
 * Keys that share four bits add the same to the sums of those bits. So there are 16 rows of sums for every four bits,
 * and a key's values are added to one row of each; then every row is replaced by what a query with those four bits
 * gets from all keys, and a query adds one row of each. A quarter of the additions, for four times the memory.
 *
 * Cost: per four bits and value, 5 instructions for a key and 4 for a query; 250 to turn the 16 rows. */
#include <string.h>

#include "codes.h"
#include "quotient.h"

#define BITS_PER_TABLE 4
#define ROWS (1 << BITS_PER_TABLE)
#define MOST_TABLES 8

/* The row of each table that holds a code, `bits` bits of a token from bit `first` on; returns the number of tables. */
static int32_t find_rows(int32_t *tables, int32_t columns, const int8_t *codes, int32_t first, int32_t bits,
                         int32_t zero_point, int32_t **rows) {
  int32_t count = 0;
  for (; bits >= BITS_PER_TABLE; bits -= BITS_PER_TABLE) {
    rows[count++] = row_of(tables, columns, codes, first, BITS_PER_TABLE, zero_point);
    first += BITS_PER_TABLE;
    tables += ROWS * columns;
  }
  if (bits > 0) {
    rows[count++] = row_of(tables, columns, codes, first, bits, zero_point);
  }
  return count;
}

static void add_key(int32_t *row, const int8_t *values, int32_t width) {
  int32_t e = width;
  for (; e >= 4; e -= 4) {
    row[0] += values[0];
    row[1] += values[1];
    row[2] += values[2];
    row[3] += values[3];
    row += 4;
    values += 4;
  }
  for (; e > 0; e--) {
    *row++ += *values++;
  }
  *row += 1;
}

/* One column of a table, from the sums of the keys with each code of `bits` bits to what a query with each code gets:
 * with D[r] the sum of the keys without bit r less that of those with it, the sum over r of D[r] or -D[r]. `shift`:
 * all keys are added 2^shift times, or not at all where it is negative. */
static void turn_column(int32_t *column, int32_t columns, int32_t bits, int32_t shift) {
  int32_t sums[ROWS];
  int32_t differences[BITS_PER_TABLE];
  int32_t all = 0;
  for (int32_t i = 0; i < 1 << bits; i++) {
    sums[i] = column[i * columns];
  }
  for (int32_t r = bits - 1; r >= 0; r--) {
    int32_t difference = 0;
    for (int32_t i = 0; i < 1 << r; i++) {
      difference += sums[i] - sums[i + (1 << r)];
      sums[i] += sums[i + (1 << r)];
    }
    differences[r] = difference;
    all += difference;
  }
  if (shift >= 0) {
    all += (int32_t)((uint32_t)sums[0] << shift);
  }
  sums[0] = column[0] = all;
  for (int32_t r = 0; r < bits; r++) {
    for (int32_t i = 0; i < 1 << r; i++) {
      sums[i + (1 << r)] = column[(i + (1 << r)) * columns] = sums[i] - 2 * differences[r];
    }
  }
}

static void turn_tables(const edgeq_linear_attention_t *layer, int32_t *tables) {
  const int32_t columns = layer->width + 1;
  int32_t shift = layer->weight_shift;
  for (int32_t left = layer->bits; left > 0; left -= BITS_PER_TABLE) {
    const int32_t bits = left < BITS_PER_TABLE ? left : BITS_PER_TABLE;
    for (int32_t i = 0; i < 1 << bits; i++) {
      int32_t *const row = tables + i * columns;
      const int32_t excess = layer->value_zero_point * row[layer->width];
      for (int32_t e = 0; e < layer->width; e++) {
        row[e] -= excess;
      }
    }
    for (int32_t e = 0; e < columns; e++) {
      turn_column(tables + e, columns, bits, shift);
    }
    shift = -1;
    tables += ROWS * columns;
  }
}

static void ask(const edgeq_linear_attention_t *layer, int32_t *const *rows, int32_t count, int8_t *output) {
  const int32_t width = layer->width;
  int32_t denominator = 0;
  for (int32_t g = 0; g < count; g++) {
    denominator += rows[g][width];
  }
  const edgeq_quotient_t quotient = edgeq_quotient(layer, denominator);
  int32_t e = 0;
  for (; e + 4 <= width; e += 4) {
    int32_t sum0 = 0;
    int32_t sum1 = 0;
    int32_t sum2 = 0;
    int32_t sum3 = 0;
    for (int32_t g = 0; g < count; g++) {
      const int32_t *const row = rows[g] + e;
      sum0 += row[0];
      sum1 += row[1];
      sum2 += row[2];
      sum3 += row[3];
    }
    output[e] = edgeq_quotient_output(quotient, sum0);
    output[e + 1] = edgeq_quotient_output(quotient, sum1);
    output[e + 2] = edgeq_quotient_output(quotient, sum2);
    output[e + 3] = edgeq_quotient_output(quotient, sum3);
  }
  for (; e < width; e++) {
    int32_t sum = 0;
    for (int32_t g = 0; g < count; g++) {
      sum += rows[g][e];
    }
    output[e] = edgeq_quotient_output(quotient, sum);
  }
}

void EDGEQ_KERNEL(const edgeq_linear_attention_t *layer, const int8_t *queries, const int8_t *keys,
                  const int8_t *values, int8_t *output, void *scratch) {
  const int32_t bits = layer->bits;
  const int32_t width = layer->width;
  const int32_t columns = width + 1;
  const int32_t step = code_bytes(layer->heads * bits);
  const int32_t channels = layer->heads * width;
  const int32_t tables = (bits + BITS_PER_TABLE - 1) / BITS_PER_TABLE;
  int32_t *const sums = (int32_t *)scratch;
  int32_t *rows[MOST_TABLES];
  for (int32_t head = 0; head < layer->heads; head++) {
    memset(sums, 0, (size_t)(tables * ROWS * columns) * sizeof *sums);
    for (int32_t s = 0; s < layer->keys; s++) {
      const int32_t count = find_rows(sums, columns, keys + s * step, head * bits, bits, layer->key_zero_point, rows);
      for (int32_t g = 0; g < count; g++) {
        add_key(rows[g], values + s * channels + head * width, width);
      }
    }
    turn_tables(layer, sums);
    for (int32_t t = 0; t < layer->queries; t++) {
      const int32_t count =
          find_rows(sums, columns, queries + t * step, head * bits, bits, layer->query_zero_point, rows);
      ask(layer, rows, count, output + t * channels + head * width);
    }
  }
}
