/* Softmax of any shape: the body of edgeq_softmax_<input>_<output>__c.
 *
 * The including file defines EDGEQ_KERNEL, and of the output EDGEQ_OUTPUT (type), EDGEQ_BITS (behind the point),
 * EDGEQ_LARGEST (of (1 << EDGEQ_BITS) * quotient) and EDGEQ_ZERO_POINT. */
#include "edgeq/edgeq_softmax.h"

#include "edgeq/edgeq_reciprocal.h"
#include "edgeq/edgeq_requantize.h"

/* One call site for the compiler to share: the product is long where the core has no wide multiplication. */
static int32_t multiply(int32_t x, int32_t y) {
  return edgeq_high_multiply(x, y);
}

void EDGEQ_KERNEL(const edgeq_softmax_t *layer, const int8_t *input, EDGEQ_OUTPUT *output, void *scratch) {
  const int32_t *const exponentials = layer->exponentials;
  const int32_t columns = layer->columns;
  (void)scratch;
  for (int32_t row = 0; row < layer->rows; row++) {
    int32_t largest = INT8_MIN;
    uint32_t total = 0;
    for (int32_t i = 0; i < columns; i++) {
      largest = input[i] > largest ? input[i] : largest;
    }
    for (int32_t i = 0; i < columns; i++) {
      const int32_t difference = largest - input[i];
      if (difference < layer->table_count) {
        total += ((uint32_t)exponentials[difference] + (1U << 11)) >> 12;
      }
    }
    /* total = 2^exponent * (1 + rest) in Q12.19. */
    int32_t exponent = 12;
    while ((total & 0x80000000U) == 0) {
      total <<= 1;
      exponent--;
    }
    /* Beyond 31 bits to the right no quotient reaches half a unit. */
    const int32_t bits = exponent + 31 - EDGEQ_BITS;
    const int32_t factor = bits > 31 ? 0 : edgeq_reciprocal_of_one_plus(total & 0x7fffffffU);
    const int32_t right = bits > 31 ? 31 : bits;
    for (int32_t i = 0; i < columns; i++) {
      const int32_t difference = largest - input[i];
      int32_t y = 0;
      if (difference < layer->table_count) {
        y = edgeq_round_shift_right(multiply(exponentials[difference], factor), right);
      }
      output[i] = (EDGEQ_OUTPUT)((y > EDGEQ_LARGEST ? EDGEQ_LARGEST : y) + EDGEQ_ZERO_POINT);
    }
    input += columns;
    output += columns;
  }
}
