/* CoreMark behind the API of a converted model, so that the harness measures it. */
#ifndef RUN_H
#define RUN_H

#include <stddef.h>
#include <stdint.h>

#include "edgeq/edgeq_status.h"
#include "edgeq/edgeq_step.h"

#define RUN_ARENA_BYTES 16
#define RUN_ARENA_ALIGN 16
#define RUN_INPUT_COUNT 1
#define RUN_OUTPUT_COUNT 1
#define RUN_STEP_COUNT 1

typedef struct {
  uint8_t *arena;
} run_t;

edgeq_status run_init(run_t *model, void *arena, size_t arena_bytes);
edgeq_status run_run(run_t *model);
void *run_input(const run_t *model, uint32_t index);
const void *run_output(const run_t *model, uint32_t index);

#endif
