/* Rotary positions: pairs of channels turned by an angle that grows with the position.
 *
 * At position p, pair i turns by p * steps[i] in 2^-32 turns, modulo a turn: (a, b) becomes (a cos - b sin,
 * a sin + b cos), requantized. Positions count from 0; where `stateful`, from the number in the scratch, which then
 * lies in the state of the model, is 0 after a reset and grows by the call's positions (modulo 2^32, which is exact,
 * because angles are modulo a turn).
 *
 * Input and output: int8 [before, positions, between, 2 * pairs]. They may be the same buffer. Scratch: 4 bytes,
 * aligned to 4, where stateful; else none.
 */
#ifndef EDGEQ_ROTARY_H
#define EDGEQ_ROTARY_H

#include <stdint.h>

#include "edgeq/edgeq_fill.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One layer. The converter writes it; kernels trust it. */
typedef struct {
  int32_t before;           /* heads in front of the axis of positions */
  int32_t positions;        /* of one call */
  int32_t between;          /* heads behind that axis */
  int32_t pairs;            /* of one head */
  int32_t next;             /* from a pair to the next: 2 where pairs lie side by side, else 1 */
  int32_t partner;          /* from a to b of a pair: 1, else `pairs` */
  int32_t stateful;         /* 1: the scratch holds the position */
  int32_t input_zero_point; /* [-128, 127] */
  int32_t multiplier;       /* of Q1.14 sums, see edgeq_requantize.h */
  int32_t shift;
  int32_t output_zero_point; /* [-128, 127] */
  const uint32_t *steps;     /* [pairs] angles per position in 2^-32 turns */
  const int16_t *sine;       /* [257] a turn of sin in Q1.14 */
} edgeq_rotary_t;

/* sin in Q1.14 of an angle in 2^-32 turns, linear between 257 points. */
static inline int32_t edgeq_sine(const int16_t *sine, uint32_t phase) {
  const int16_t *low = sine + (phase >> 24);
  return low[0] + (((low[1] - low[0]) * (int32_t)((phase >> 8) & 0xffff) + (1 << 15)) >> 16);
}

/* Any shape. */
void edgeq_rotary_a8__c(const edgeq_rotary_t *layer, const int8_t *input, int8_t *output, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
