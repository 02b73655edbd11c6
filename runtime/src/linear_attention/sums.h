/* Linear attention of any shape, token by token: the body of edgeq_linear_attention_a<codes>__c.
 *
 * The including file defines EDGEQ_KERNEL and EDGEQ_PACKED, whether codes are packed. Cost: 5 instructions per key, bit
 * and value for the sums, and 4 per query, bit and value. */
#include <string.h>

#include "codes.h"
#include "quotient.h"

/* A code: bit r is set where it is -1. */
static uint32_t code_of(const int8_t *codes, int32_t first, int32_t bits, int32_t zero_point) {
  uint32_t code = 0;
  for (int32_t r = 0; r < bits; r += 8) {
    code |= some_bits(codes, first + r, bits - r < 8 ? bits - r : 8, zero_point) << r;
  }
  return code;
}

/* Adds a key's values, of which the last is 1, to the sums: with its signs, and to the last row as they are. */
static void add_key(int32_t *sums, const int32_t *values, int32_t columns, uint32_t code, int32_t bits) {
  int32_t e = columns;
  for (; e >= 4; e -= 4) {
    const int32_t v0 = values[0];
    const int32_t v1 = values[1];
    const int32_t v2 = values[2];
    const int32_t v3 = values[3];
    int32_t *row = sums;
    uint32_t signs = code;
    for (int32_t r = bits; r >= 0; r--) {
      if ((signs & 1U) != 0) {
        row[0] -= v0;
        row[1] -= v1;
        row[2] -= v2;
        row[3] -= v3;
      } else {
        row[0] += v0;
        row[1] += v1;
        row[2] += v2;
        row[3] += v3;
      }
      row += columns;
      signs >>= 1;
    }
    sums += 4;
    values += 4;
  }
  for (; e > 0; e--) {
    const int32_t v = *values++;
    int32_t *row = sums++;
    uint32_t signs = code;
    for (int32_t r = bits; r >= 0; r--) {
      *row += (signs & 1U) != 0 ? -v : v;
      row += columns;
      signs >>= 1;
    }
  }
}

/* Numerators, then the denominator: the sums with a query's signs, and the last row 2^shift times. */
static void ask(const int32_t *sums, int32_t *found, int32_t columns, uint32_t code, int32_t bits, int32_t shift) {
  const int32_t *last = sums + bits * columns;
  int32_t e = columns;
  for (; e >= 4; e -= 4) {
    int32_t sum0 = (int32_t)((uint32_t)last[0] << shift);
    int32_t sum1 = (int32_t)((uint32_t)last[1] << shift);
    int32_t sum2 = (int32_t)((uint32_t)last[2] << shift);
    int32_t sum3 = (int32_t)((uint32_t)last[3] << shift);
    const int32_t *row = sums;
    uint32_t signs = code;
    for (int32_t r = bits; r > 0; r--) {
      if ((signs & 1U) != 0) {
        sum0 -= row[0];
        sum1 -= row[1];
        sum2 -= row[2];
        sum3 -= row[3];
      } else {
        sum0 += row[0];
        sum1 += row[1];
        sum2 += row[2];
        sum3 += row[3];
      }
      row += columns;
      signs >>= 1;
    }
    found[0] = sum0;
    found[1] = sum1;
    found[2] = sum2;
    found[3] = sum3;
    found += 4;
    sums += 4;
    last += 4;
  }
  for (; e > 0; e--) {
    int32_t sum = (int32_t)((uint32_t)*last++ << shift);
    const int32_t *row = sums++;
    uint32_t signs = code;
    for (int32_t r = bits; r > 0; r--) {
      sum += (signs & 1U) != 0 ? -*row : *row;
      row += columns;
      signs >>= 1;
    }
    *found++ = sum;
  }
}

void EDGEQ_KERNEL(const edgeq_linear_attention_t *layer, const int8_t *queries, const int8_t *keys,
                  const int8_t *values, int8_t *output, void *scratch) {
  const int32_t heads = layer->heads;
  const int32_t bits = layer->bits;
  const int32_t step = code_bytes(heads * bits);
  const int32_t width = layer->width;
  const int32_t columns = width + 1;
  const int32_t size = (bits + 1) * columns;
  int32_t *sums = (int32_t *)scratch;
  int32_t *const row = sums + (layer->stateful ? heads : 1) * size;
  for (int32_t head = 0; head < heads; head++) {
    const int8_t *q = queries;
    const int8_t *k = keys;
    const int8_t *v = values + head * width;
    int8_t *y = output + head * width;
    int32_t added = 0;
    if (!layer->stateful) {
      memset(sums, 0, (size_t)size * sizeof *sums);
    }
    for (int32_t t = 0; t < layer->queries; t++) {
      const int32_t seen = layer->causal ? t + 1 : layer->keys;
      for (; added < seen; added++) {
        if (sums[size - 1] >= EDGEQ_LINEAR_ATTENTION_KEYS) {
          for (int32_t i = 0; i < size; i++) {
            sums[i] >>= 1;
          }
        }
        for (int32_t e = 0; e < width; e++) {
          row[e] = v[e] - layer->value_zero_point;
        }
        row[width] = 1;
        add_key(sums, row, columns, code_of(k, head * bits, bits, layer->key_zero_point), bits);
        k += step;
        v += heads * width;
      }
      ask(sums, row, columns, code_of(q, head * bits, bits, layer->query_zero_point), bits, layer->weight_shift);
      const edgeq_quotient_t quotient = edgeq_quotient(layer, row[width]);
      for (int32_t e = 0; e < width; e++) {
        y[e] = edgeq_quotient_output(quotient, row[e]);
      }
      q += step;
      y += heads * width;
    }
    if (layer->stateful) {
      sums += size;
    }
  }
}
