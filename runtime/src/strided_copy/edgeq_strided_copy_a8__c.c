/* Strided copy of any shape. */
#include "edgeq/edgeq_strided_copy.h"

#include <string.h>

void edgeq_strided_copy_a8__c(const edgeq_strided_copy_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const size_t run = (size_t)layer->run;
  (void)scratch;
  for (int32_t i = 0; i < layer->extent_0; i++) {
    for (int32_t j = 0; j < layer->extent_1; j++) {
      for (int32_t k = 0; k < layer->extent_2; k++) {
        int32_t from = layer->offset + i * layer->step_0 + j * layer->step_1 + k * layer->step_2;
        for (int32_t n = layer->extent_3; n > 0; n--) {
          if (run == 1) {
            *output = input[from]; /* a call per byte would be ten times this */
          } else {
            memcpy(output, input + from, run);
          }
          output += run;
          from += layer->step_3;
        }
      }
    }
  }
}
