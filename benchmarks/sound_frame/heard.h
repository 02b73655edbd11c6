/* One frame of the front end `ears` as a model with the generated API: samples in, features out. */
#ifndef HEARD_H
#define HEARD_H

#include <stddef.h>
#include <stdint.h>

#include "ears.h"
#include "edgeq/edgeq_status.h"
#include "edgeq/edgeq_step.h"

#define HEARD_SAMPLES_BYTES (((2 * EARS_FRAME_SAMPLES) + 15) & ~15)
#define HEARD_FEATURES_BYTES ((EARS_FEATURES_BYTES + 15) & ~15)
#define HEARD_ARENA_BYTES (HEARD_SAMPLES_BYTES + HEARD_FEATURES_BYTES + 4 * EARS_SCRATCH_WORDS)
#define HEARD_ARENA_ALIGN 16
#define HEARD_INPUT_COUNT 1
#define HEARD_OUTPUT_COUNT 1
#define HEARD_STEP_COUNT 1

typedef struct {
  uint8_t *arena;
} heard_t;

edgeq_status heard_init(heard_t *model, void *arena, size_t arena_bytes);
edgeq_status heard_run(heard_t *model);
void *heard_input(const heard_t *model, uint32_t index);
const void *heard_output(const heard_t *model, uint32_t index);

#endif
