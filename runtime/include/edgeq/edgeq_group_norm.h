/* Normalization of groups of channels over all pixels: GroupNorm, and InstanceNorm with groups of one channel.
 *
 * The arithmetic is that of edgeq_layer_norm.h (centred): all numbers of a group are one row, of
 * columns = pixels * width. Multipliers and offsets are per channel. No scratch; the output may be the input.
 * edgeq/ops/group_norm.py is the twin. */
#ifndef EDGEQ_GROUP_NORM_H
#define EDGEQ_GROUP_NORM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef struct {
  int32_t pixels;       /* > 0 */
  int32_t groups;       /* > 0 */
  int32_t width;        /* channels per group; pixels * width in [1, 2^14] */
  int32_t epsilon_high; /* epsilon * 4^spare = epsilon_high * 2^31 + epsilon_low, under 2^60 */
  int32_t epsilon_low;
  int32_t spare;              /* W is kept with twice as many bits behind the point: [0, 8] */
  int32_t headroom;           /* bits by which |d| may exceed sqrt(W): [0, 7] */
  int32_t fraction;           /* bits behind the point of products and offsets: [1, 29] */
  const int32_t *multipliers; /* [groups * width] */
  const int32_t *offsets;     /* [groups * width], |offset| < 2^29 */
  int32_t output_zero_point;
} edgeq_group_norm_t;

/* Any shape. Input and output: [pixels][groups * width]. */
void edgeq_group_norm_a8__c(const edgeq_group_norm_t *layer, const int8_t *input, int8_t *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
