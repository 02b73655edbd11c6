/* Delay lines: the newest frames of a stream, kept from call to call. Elements of any size.
 *
 * The output is the line itself, in the state of the model. A call moves it forward by the input's bytes, so that the
 * oldest frames leave it, and puts the input at its end. Input and line must not overlap. No scratch.
 */
#ifndef EDGEQ_DELAY_LINE_H
#define EDGEQ_DELAY_LINE_H

#include <stdint.h>

#include "edgeq/edgeq_fill.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef struct {
  int32_t bytes; /* of the line; at least `step` */
  int32_t step;  /* bytes of the input: what one call brings; > 0 */
} edgeq_delay_line_t;

/* Any shape. */
void edgeq_delay_line_a8__c(const edgeq_delay_line_t *layer, const int8_t *input, int8_t *line, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
