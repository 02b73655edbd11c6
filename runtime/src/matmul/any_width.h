/* Products of two computed matrices of any shape: the body of the plain kernels for int8 and int16.
 *
 * The including file defines EDGEQ_KERNEL, and the types EDGEQ_INPUT and EDGEQ_OUTPUT, with its ends EDGEQ_LOWEST and
 * EDGEQ_HIGHEST. */
#include "edgeq/edgeq_matmul.h"

#include "edgeq/edgeq_requantize.h"

static EDGEQ_OUTPUT finish(const edgeq_matmul_t *layer, int32_t sum) {
  const int32_t y = edgeq_requantize(sum, layer->multiplier, layer->shift);
  return (EDGEQ_OUTPUT)edgeq_limited(y, layer->output_zero_point, EDGEQ_LOWEST, EDGEQ_HIGHEST);
}

/* sum over k of (a[k] - a_zero_point) * -b_zero_point */
static int32_t offset_of_row(const edgeq_matmul_t *layer, const EDGEQ_INPUT *a) {
  int32_t sum = 0;
  for (int32_t k = 0; k < layer->depth; k++) {
    sum += a[k] - layer->a_zero_point;
  }
  return -layer->b_zero_point * sum;
}

static EDGEQ_OUTPUT *row(const edgeq_matmul_t *layer, const EDGEQ_INPUT *a, const int8_t *b, EDGEQ_OUTPUT *output) {
  const int32_t zero = layer->a_zero_point;
  const int32_t down = layer->b_depth;
  const int32_t along = layer->b_column;
  const int32_t start = offset_of_row(layer, a);
  int32_t n = layer->columns;
  for (; n >= 4; n -= 4) {
    const int8_t *from = b;
    int32_t sum0 = start;
    int32_t sum1 = start;
    int32_t sum2 = start;
    int32_t sum3 = start;
    for (int32_t k = 0; k < layer->depth; k++) {
      const int32_t x = a[k] - zero;
      sum0 += x * from[0];
      sum1 += x * from[along];
      sum2 += x * from[2 * along];
      sum3 += x * from[3 * along];
      from += down;
    }
    output[0] = finish(layer, sum0);
    output[1] = finish(layer, sum1);
    output[2] = finish(layer, sum2);
    output[3] = finish(layer, sum3);
    output += 4;
    b += 4 * along;
  }
  for (; n > 0; n--) {
    int32_t sum = start;
    for (int32_t k = 0; k < layer->depth; k++) {
      sum += (a[k] - zero) * b[k * down];
    }
    *output++ = finish(layer, sum);
    b += along;
  }
  return output;
}

void EDGEQ_KERNEL(const edgeq_matmul_t *layer, const EDGEQ_INPUT *a, const int8_t *b, EDGEQ_OUTPUT *output,
                  void *scratch) {
  (void)scratch;
  for (int32_t p = 0; p < layer->batches; p++) {
    for (int32_t m = 0; m < layer->rows; m++) {
      output = row(layer, a, b, output);
      a += layer->depth;
    }
    b += layer->b_batch;
  }
}
