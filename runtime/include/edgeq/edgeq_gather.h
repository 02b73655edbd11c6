/* Rows of a constant table by computed places: embeddings of tokens, rows that belong to a position.
 *
 * output[i] = table[places[i]], a row of `row_bytes` bytes of any element. A place below 0 gives the first row, one
 * beyond the table the last: whatever the places hold, nothing outside of the table is read. No scratch.
 */
#ifndef EDGEQ_GATHER_H
#define EDGEQ_GATHER_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef struct {
  int32_t rows;      /* of the table; > 0 */
  int32_t row_bytes; /* > 0 */
  int32_t count;     /* places, and rows of the output */
} edgeq_gather_t;

/* Any shape. */
void edgeq_gather_a8__c(const edgeq_gather_t *layer, const int8_t *table, const int32_t *places, int8_t *output,
                        void *scratch);

#ifdef __cplusplus
}
#endif

#endif
