/* Where in a window, and where in rings, the newest frame of a stream lies.
 *
 * The output is int32 in the state of the model, -1 after a reset. A call adds 1; 2 window - 1 is followed by window.
 * No scratch.
 */
#ifndef EDGEQ_POSITION_H
#define EDGEQ_POSITION_H

#include <stdint.h>

#include "edgeq/edgeq_fill.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef struct {
  int32_t window; /* frames; [1, 2^30) */
} edgeq_position_t;

void edgeq_position_ax__c(const edgeq_position_t *layer, int32_t *position, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
