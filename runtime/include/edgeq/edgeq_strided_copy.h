/* Copies that read with steps: slice and transpose. Elements of any size.
 *
 * Four nested loops write the output front to back and step through the input; every turn copies `run` bytes. Input and
 * output must not overlap unless a kernel says so. No scratch.
 */
#ifndef EDGEQ_STRIDED_COPY_H
#define EDGEQ_STRIDED_COPY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef struct {
  int32_t run;    /* bytes copied at a time; > 0 */
  int32_t offset; /* byte of the input where the first run is */
  /* Extents of the loops, outermost first, all > 0; and by how many bytes of the input each advances, maybe backwards.
   */
  int32_t extent_0;
  int32_t extent_1;
  int32_t extent_2;
  int32_t extent_3;
  int32_t step_0;
  int32_t step_1;
  int32_t step_2;
  int32_t step_3;
} edgeq_strided_copy_t;

/* Any shape. */
void edgeq_strided_copy_a8__c(const edgeq_strided_copy_t *layer, const int8_t *input, int8_t *output, void *scratch);

/* All extents 1: one run. Input and output may overlap. */
void edgeq_strided_copy_a8_run__c(const edgeq_strided_copy_t *layer, const int8_t *input, int8_t *output,
                                  void *scratch);

#ifdef __cplusplus
}
#endif

#endif
