/* Padding with a constant, up to four axes after neighbours are joined.
 *
 *   output = value everywhere; then three nested loops copy runs of the input to their places
 *
 * Input and output have one quantization and must not overlap. No scratch.
 */
#ifndef EDGEQ_PAD_H
#define EDGEQ_PAD_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef struct {
  int32_t value;        /* [-128, 127], of every byte; so 0 for elements of several bytes */
  int32_t output_bytes; /* of the whole output */
  int32_t offset;       /* byte of the output where the first run goes */
  int32_t run;          /* bytes copied at a time; > 0 */
  /* Extents of the loops, outermost first, all > 0; and by how many bytes of the output each advances. */
  int32_t extent_0;
  int32_t extent_1;
  int32_t extent_2;
  int32_t step_0;
  int32_t step_1;
  int32_t step_2;
} edgeq_pad_t;

/* Any shape. */
void edgeq_pad_a8__c(const edgeq_pad_t *layer, const int8_t *input, int8_t *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
