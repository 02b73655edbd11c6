/* LayerNorm and RMSNorm of any shape: the body of the plain kernels for int8 and int16.
 *
 * The including file defines EDGEQ_KERNEL, and the types EDGEQ_INPUT and EDGEQ_OUTPUT, its ends EDGEQ_LOWEST and
 * EDGEQ_HIGHEST, and EDGEQ_SQUARES for sums of squares. */
#include "edgeq/edgeq_layer_norm.h"

#include "edgeq/edgeq_requantize.h"

/* One call site for the compiler to share: the product is long where the core has no wide multiplication. */
static int32_t multiply(int32_t x, int32_t y) {
  return edgeq_high_multiply(x, y);
}

/* 1 / sqrt(m / 2^30) as Q0.31 for m in [2^30, 2^32). Newton's y <- y (3 - a y^2) / 2 for a = m / 2^30, from
 * 1.1 - 0.16 a. */
static int32_t inverse_root(uint32_t m) {
  const int32_t quarter = (int32_t)(m >> 1);
  int32_t y = (int32_t)(2362232013U - (uint32_t)multiply(quarter, 1374389536));
  for (int32_t i = 0; i < 4; i++) {
    const int32_t error = (3 << 29) - multiply(quarter, multiply(y, y));
    const int32_t half = multiply(y, error);
    y = half >= (1 << 30) ? INT32_MAX : half * 2;
  }
  return y;
}

/* W * 4^spare; at least 4^spare, because d is 0 where W is less. */
static uint64_t spread(const edgeq_layer_norm_t *layer, const EDGEQ_INPUT *input, int32_t sum) {
  const int32_t zero = layer->centred ? 0 : layer->input_zero_point;
  const uint64_t epsilon = ((uint64_t)(uint32_t)layer->epsilon_high << 31) + (uint32_t)layer->epsilon_low;
  EDGEQ_SQUARES squares = 0;
  uint64_t wide;
  for (int32_t i = 0; i < layer->columns; i++) {
    const int32_t q = input[i] - zero;
    squares += (uint32_t)(q * q);
  }
  wide = squares;
  if (layer->centred) {
    wide = wide * (uint32_t)layer->columns - (uint64_t)((int64_t)sum * sum);
  }
  wide = (wide << (2 * layer->spare)) + epsilon;
  return wide < ((uint64_t)1 << (2 * layer->spare)) ? (uint64_t)1 << (2 * layer->spare) : wide;
}

void EDGEQ_KERNEL(const edgeq_layer_norm_t *layer, const EDGEQ_INPUT *input, EDGEQ_OUTPUT *output, void *scratch) {
  const int32_t columns = layer->columns;
  (void)scratch;
  for (int32_t r = 0; r < layer->rows; r++) {
    int32_t sum = 0;
    for (int32_t i = 0; i < columns; i++) {
      sum += input[i];
    }
    uint64_t wide = spread(layer, input, sum);
    int32_t left = 14 + layer->spare - layer->headroom;
    for (; wide >= ((uint64_t)1 << 32); left--) {
      wide >>= 2;
    }
    for (; wide < (1U << 30); left++) {
      wide <<= 2;
    }
    const int32_t root = inverse_root((uint32_t)wide);
    const int32_t factor = layer->centred ? columns : 1;
    const int32_t base = layer->centred ? sum : layer->input_zero_point;
    for (int32_t i = 0; i < columns; i++) {
      const int32_t d = factor * input[i] - base;
      const int32_t scaled = left >= 0 ? (int32_t)((uint32_t)d << left) : d >> -left;
      const int32_t normal = multiply(scaled, root);
      const int32_t gain = layer->multipliers[i];
      const int32_t product = gain < 0 ? -multiply(normal, -gain) : multiply(normal, gain);
      const int32_t y = (product + layer->offsets[i] + (1 << (layer->fraction - 1))) >> layer->fraction;
      output[i] = (EDGEQ_OUTPUT)edgeq_limited(y, layer->output_zero_point, EDGEQ_LOWEST, EDGEQ_HIGHEST);
    }
    input += columns;
    output += columns;
  }
}
