/* Nearest-neighbour resizing of elements of any width, [in_h][in_w][channels] -> [out_h][out_w][channels].
 *
 *   output[y][x] = input[rows[y]][columns[x]]
 *
 * Input and output have one quantization and must not overlap. No scratch.
 */
#ifndef EDGEQ_RESIZE_NEAREST_H
#define EDGEQ_RESIZE_NEAREST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef struct {
  /* All > 0. */
  int32_t in_w;
  int32_t pixel; /* bytes: channels times bytes of an element */
  int32_t out_h;
  int32_t out_w;
  /* Constant tables, owned by the caller. */
  const uint16_t *rows;    /* [out_h]: < in_h */
  const uint16_t *columns; /* [out_w]: < in_w */
} edgeq_resize_nearest_t;

/* Any shape. */
void edgeq_resize_nearest_a8__c(const edgeq_resize_nearest_t *layer, const int8_t *input, int8_t *output,
                                void *scratch);

#ifdef __cplusplus
}
#endif

#endif
