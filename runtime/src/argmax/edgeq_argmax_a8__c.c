/* Arg-max of any shape. */
#include "edgeq/edgeq_argmax.h"

void edgeq_argmax_a8__c(const edgeq_argmax_t *layer, const int8_t *input, int32_t *output, void *scratch) {
  const int32_t step = layer->inner;
  (void)scratch;
  for (int32_t o = 0; o < layer->outer; o++) {
    for (int32_t i = 0; i < layer->inner; i++) {
      const int8_t *element = input + i;
      int32_t largest = INT8_MIN;
      int32_t place = 0;
      for (int32_t r = 0; r < layer->reduce; r++) {
        if (*element > largest) {
          largest = *element;
          place = r;
        }
        element += step;
      }
      *output++ = place;
    }
    input += layer->reduce * step;
  }
}
