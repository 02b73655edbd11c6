/* Sums over the pixels of an image that comes in bands: a part of global average pooling in patches. */
#ifndef EDGEQ_SUM_PIXELS_H
#define EDGEQ_SUM_PIXELS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef struct {
  int32_t pixels;   /* of the band; > 0 */
  int32_t channels; /* > 0 */
} edgeq_sum_pixels_t;

/* output[c] = before[c] + the sum of all pixels of `input`, int8[pixels][channels]. The converter proves that no sum of
 * all bands leaves 32 bits. `output` may be `before`. No scratch. */
void edgeq_sum_pixels_a8__c(const edgeq_sum_pixels_t *layer, const int8_t *input, const int32_t *before,
                            int32_t *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
