/* A delay line of any shape.
 *
 * Cost: a word copy per 4 bytes of the line where frames are whole words, about 0.6 instructions per byte; a byte copy
 * otherwise, 4 per byte. A ring would copy the new frames only, but every layer would then read in two pieces. */
#include "edgeq/edgeq_delay_line.h"

#include <string.h>

void edgeq_delay_line_a8__c(const edgeq_delay_line_t *layer, const int8_t *input, int8_t *line, void *scratch) {
  const size_t step = (size_t)layer->step;
  const size_t kept = (size_t)layer->bytes - step;
  (void)scratch;
  memmove(line, line + step, kept);
  memcpy(line + kept, input, step);
}
