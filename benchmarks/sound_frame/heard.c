#include "heard.h"

edgeq_status heard_init(heard_t *model, void *arena, size_t arena_bytes) {
  if (arena_bytes < HEARD_ARENA_BYTES) {
    return EDGEQ_ARENA_TOO_SMALL;
  }
  model->arena = arena;
  return EDGEQ_OK;
}

void *heard_input(const heard_t *model, uint32_t index) {
  (void)index;
  return model->arena;
}

const void *heard_output(const heard_t *model, uint32_t index) {
  (void)index;
  return model->arena + HEARD_SAMPLES_BYTES;
}

edgeq_status heard_run(heard_t *model) {
  void *scratch = model->arena + HEARD_SAMPLES_BYTES + HEARD_FEATURES_BYTES;
  EDGEQ_ON_STEP(0);
  edgeq_sound_features_a16__c(&ears, (const int16_t *)(void *)model->arena, model->arena + HEARD_SAMPLES_BYTES,
                              scratch);
  EDGEQ_ON_STEP(HEARD_STEP_COUNT);
  return EDGEQ_OK;
}
