#include "mirror.h"

#include <string.h>

enum { FIRST = 0, FIRST_BYTES = 100, SECOND = 112, SECOND_BYTES = 57, SUM = 176 };

edgeq_status mirror_init(mirror_t *model, void *arena, size_t arena_bytes, void *state, size_t state_bytes) {
  if (model == NULL || arena == NULL || state == NULL) {
    return EDGEQ_NULL_POINTER;
  }
  if (arena_bytes < MIRROR_ARENA_BYTES || state_bytes < MIRROR_STATE_BYTES) {
    return EDGEQ_ARENA_TOO_SMALL;
  }
  model->arena = arena;
  model->state = state;
  return mirror_reset(model);
}

edgeq_status mirror_reset(mirror_t *model) {
  memset(model->state, 0, MIRROR_STATE_BYTES);
  return EDGEQ_OK;
}

void *mirror_input(const mirror_t *model, uint32_t index) {
  return model->arena + (index == 0u ? FIRST : SECOND);
}

const void *mirror_output(const mirror_t *model, uint32_t index) {
  static const uint8_t offsets[MIRROR_OUTPUT_COUNT] = {SECOND, SUM, FIRST};
  return model->arena + offsets[index];
}

/* 0: turns the first input around, flips bits. 1: counts the run, adds the count to the second input. 2: sums. */
edgeq_status mirror_run(mirror_t *model) {
  uint8_t *arena = model->arena;
  uint32_t sum = 0;
  EDGEQ_ON_STEP(0);
  for (int i = 0; i < FIRST_BYTES / 2; i++) {
    const uint8_t left = arena[FIRST + i];
    arena[FIRST + i] = arena[FIRST + FIRST_BYTES - 1 - i] ^ 0x5Au;
    arena[FIRST + FIRST_BYTES - 1 - i] = left ^ 0x5Au;
  }
  EDGEQ_ON_STEP(1);
  model->state[0]++;
#ifdef MIRROR_FAILS
  if (model->state[0] == 3u) {
    return EDGEQ_NULL_POINTER;
  }
#endif
#ifdef MIRROR_HANGS
  while (model->state[0] == 3u) {
    (void)*(volatile uint8_t *)arena;
  }
#endif
  for (int i = 0; i < SECOND_BYTES; i++) {
    arena[SECOND + i] = (uint8_t)(arena[SECOND + i] + model->state[0]);
  }
  EDGEQ_ON_STEP(2);
#ifdef MIRROR_WRONG
  arena[FIRST] ^= 1u;
#endif
  for (int i = 0; i < FIRST_BYTES; i++) {
    sum = sum * 31u + arena[FIRST + i];
  }
  for (int i = 0; i < SECOND_BYTES; i++) {
    sum = sum * 31u + arena[SECOND + i];
  }
  memcpy(arena + SUM, &sum, sizeof sum);
  EDGEQ_ON_STEP(MIRROR_STEP_COUNT);
  return EDGEQ_OK;
}
