/* Padding of any shape. */
#include "edgeq/edgeq_pad.h"

#include <string.h>

void edgeq_pad_a8__c(const edgeq_pad_t *layer, const int8_t *input, int8_t *output, void *scratch) {
  const size_t run = (size_t)layer->run;
  (void)scratch;
  memset(output, layer->value, (size_t)layer->output_bytes);
  for (int32_t i = 0; i < layer->extent_0; i++) {
    for (int32_t j = 0; j < layer->extent_1; j++) {
      int8_t *place = output + layer->offset + i * layer->step_0 + j * layer->step_1;
      for (int32_t k = 0; k < layer->extent_2; k++) {
        memcpy(place, input, run);
        input += run;
        place += layer->step_2;
      }
    }
  }
}
