/* A strided copy of one run of adjoining bytes, such as some rows of an image. */
#include "edgeq/edgeq_strided_copy.h"

#include <string.h>

void edgeq_strided_copy_a8_run__c(const edgeq_strided_copy_t *layer, const int8_t *input, int8_t *output,
                                  void *scratch) {
  (void)scratch;
  memmove(output, input + layer->offset, (size_t)layer->run);
}
