/* A hand-written model with the generated API, made to betray a link: it writes over its inputs, so that a second run
 * on the same ones gives something else, and it counts its runs in its state. MIRROR_* macros order faults. */
#ifndef MIRROR_H
#define MIRROR_H

#include <stddef.h>
#include <stdint.h>

#include "edgeq/edgeq_contract.h"
#include "edgeq/edgeq_status.h"
#include "edgeq/edgeq_step.h"

#define MIRROR_ARENA_BYTES 192
#define MIRROR_ARENA_ALIGN 16
#define MIRROR_STATE_BYTES 4
#define MIRROR_INPUT_COUNT 2
#define MIRROR_OUTPUT_COUNT 3
#define MIRROR_STEP_COUNT 3

typedef struct {
  uint8_t *arena;
  uint8_t *state;
} mirror_t;

edgeq_status mirror_init(mirror_t *model, void *arena, size_t arena_bytes, void *state, size_t state_bytes);
edgeq_status mirror_reset(mirror_t *model);
edgeq_status mirror_run(mirror_t *model);
void *mirror_input(const mirror_t *model, uint32_t index);
const void *mirror_output(const mirror_t *model, uint32_t index);

#endif
