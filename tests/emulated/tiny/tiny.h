/* A hand-written model with the generated API, and faults to order (TINY_* macros). */
#ifndef TINY_H
#define TINY_H

#include <stddef.h>
#include <stdint.h>

#include "edgeq/edgeq_status.h"
#include "edgeq/edgeq_step.h"

#define TINY_ARENA_BYTES 44
#define TINY_ARENA_ALIGN 16
#define TINY_INPUT_COUNT 2
#define TINY_OUTPUT_COUNT 2
#define TINY_STEP_COUNT 3

typedef struct {
  uint8_t *arena;
} tiny_t;

edgeq_status tiny_init(tiny_t *model, void *arena, size_t arena_bytes);
edgeq_status tiny_run(tiny_t *model);
void *tiny_input(const tiny_t *model, uint32_t index);
const void *tiny_output(const tiny_t *model, uint32_t index);

#endif
