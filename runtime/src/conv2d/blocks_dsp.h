/* All outputs of two pixels by blocks of 2 or 4 channels, for kernels whose tables hold a bias beside the factors. */
#include "windows_dsp.h"

typedef struct {
  const int8_t *weights;
  const uint32_t *windows, *windows_end;
  const int32_t *bias, *table, *table_end; /* 1 and 2 words per channel */
  int8_t *output;
  int32_t step, zero_point;
} edgeq_blocks_t;

/* Computes the blocks of two pixels; returns the end of the weights that it read. */
typedef const int8_t *edgeq_blocks_function(const edgeq_blocks_t *blocks);

/* block: channels of one, 2 or 4. */
static inline EDGEQ_INLINE void edgeq_blocks_pair(const edgeq_conv2d_t *layer, const uint32_t *windows, int8_t *output,
                                                  int32_t step, int32_t block, edgeq_blocks_function *sum) {
  const int32_t channels = layer->out_c, full = channels & -block, zero_point = layer->output_zero_point;
  const uint32_t *const end = windows + ((layer->kernel_h * layer->kernel_w * layer->in_c + 3) & ~3);
  const int32_t *const table = layer->multiplier, *const rest = table + 2 * full;
  const int8_t *weights = layer->weights;
  if (full != 0) {
    const edgeq_blocks_t blocks = {weights, windows, end, layer->bias, table, rest, output, step, zero_point};
    weights = sum(&blocks);
  }
  if (full != channels) { /* a block that is not full must not be stored whole */
    int8_t last[8];
    const edgeq_blocks_t blocks = {weights,          windows, end,   layer->bias + full, rest,
                                   rest + 2 * block, last,    block, zero_point};
    sum(&blocks);
    for (int32_t i = full; i < channels; i++) {
      output[i] = last[i - full];
      output[step + i] = last[i - full + block];
    }
  }
  edgeq_clamp_bytes(output, step + channels, layer->clamp_min, layer->clamp_max);
}
