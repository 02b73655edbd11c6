/* What the depthwise 3x3 kernels hand to their inner loops, which keep sums and positions each in their own way. */
#include <stdint.h>

/* Positions of 4 channels to walk over; the inner loops say how many words a position takes. */
typedef struct {
  const int8_t *channels;              /* 4 records of CHANNEL_WORDS */
  uint32_t *positions, *positions_end; /* of the first channel; its end as the inner loop has it */
  int32_t span;                        /* bytes of positions to walk, a multiple of 3 */
  int32_t count;                       /* bytes of positions that are outputs */
  int8_t *output;
  int32_t step, zero_point;
} edgeq_piece_t;

#if !EXPAND_PLANE

/* Three lines as they meet a piece: at each position a word of 4 channels, `step` bytes from the one before. */
typedef struct {
  const int8_t *at[3];
  int32_t step[3];
} edgeq_lines_t;

#endif
