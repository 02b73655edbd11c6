/* The converted network `sound` as a model whose run pushes its samples in pieces: samples in, scores out. */
#ifndef PUSHED_H
#define PUSHED_H

#include "sound.h"

#define PUSHED_PIECE 333U /* samples; no divisor of anything here */
#define PUSHED_SAMPLES (SOUND_PUSH_SAMPLES * SOUND_PUSH_RUNS)
#define PUSHED_SAMPLES_BYTES (2U * PUSHED_SAMPLES)
#define PUSHED_SCORES_BYTES (((SOUND_OUTPUT_0_BYTES) + 15) & ~15)
#define PUSHED_ARENA_BYTES (PUSHED_SAMPLES_BYTES + PUSHED_SCORES_BYTES + SOUND_ARENA_BYTES)
#define PUSHED_ARENA_ALIGN SOUND_ARENA_ALIGN
#define PUSHED_STATE_BYTES SOUND_STATE_BYTES
#define PUSHED_INPUT_COUNT 1
#define PUSHED_OUTPUT_COUNT 1
#define PUSHED_STEP_COUNT 1

typedef struct {
  uint8_t *arena;
  sound_t sound;
} pushed_t;

edgeq_status pushed_init(pushed_t *model, void *arena, size_t arena_bytes, void *state, size_t state_bytes);

/* One score per run. */
edgeq_status pushed_run(pushed_t *model);
void *pushed_input(const pushed_t *model, uint32_t index);
const void *pushed_output(const pushed_t *model, uint32_t index);

#endif
