#include "pushed.h"

#include <string.h>

#include "edgeq/edgeq_step.h"

edgeq_status pushed_init(pushed_t *model, void *arena, size_t arena_bytes, void *state, size_t state_bytes) {
  if (arena_bytes < PUSHED_ARENA_BYTES) {
    return EDGEQ_ARENA_TOO_SMALL;
  }
  model->arena = arena;
  return sound_init(&model->sound, model->arena + PUSHED_SAMPLES_BYTES + PUSHED_SCORES_BYTES, SOUND_ARENA_BYTES, state,
                    state_bytes);
}

void *pushed_input(const pushed_t *model, uint32_t index) {
  (void)index;
  return model->arena;
}

const void *pushed_output(const pushed_t *model, uint32_t index) {
  (void)index;
  return model->arena + PUSHED_SAMPLES_BYTES;
}

edgeq_status pushed_run(pushed_t *model) {
  const int16_t *samples = (const int16_t *)(const void *)model->arena;
  size_t left = PUSHED_SAMPLES;
  EDGEQ_ON_STEP(0);
  while (left > 0U) {
    size_t piece = left < PUSHED_PIECE ? left : PUSHED_PIECE;
    left -= piece;
    while (sound_push(&model->sound, &samples, &piece) > 0) {
      memcpy(model->arena + PUSHED_SAMPLES_BYTES, sound_output(&model->sound, 0), SOUND_OUTPUT_0_BYTES);
    }
  }
  EDGEQ_ON_STEP(PUSHED_STEP_COUNT);
  return EDGEQ_OK;
}
