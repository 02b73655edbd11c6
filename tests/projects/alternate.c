/* A harness main that runs the models one and two in turn in a single arena: one, two, and one again on the same
 * input. Its three outputs are theirs. */
#include "both.h"

#include <string.h>

#include "edgeq_harness.h"

#ifdef EDGEQ_TEST_EMULATOR
/* The linker script ends this section where RAM ends, and words around it are watched. */
__attribute__((section(".edgeq_arena"), aligned(BOTH_ARENA_ALIGN)))
#else
__attribute__((aligned(BOTH_ARENA_ALIGN)))
#endif
static uint8_t arena[BOTH_ARENA_BYTES];
static one_t one;
static two_t two;
static uint8_t input_one[ONE_INPUT_0_BYTES], input_two[TWO_INPUT_0_BYTES];
static uint8_t first[ONE_OUTPUT_0_BYTES], second[TWO_OUTPUT_0_BYTES], third[ONE_OUTPUT_0_BYTES];
static uint32_t counts[3];

static const uint32_t input_bytes[] = {ONE_INPUT_0_BYTES, TWO_INPUT_0_BYTES};
static const uint32_t output_bytes[] = {ONE_OUTPUT_0_BYTES, TWO_OUTPUT_0_BYTES, ONE_OUTPUT_0_BYTES};
static const edgeq_region_t regions[] = {{0}};

static uint32_t init(void) {
  const edgeq_status status = one_init(&one, arena, sizeof arena);
  return (uint32_t)(status != EDGEQ_OK ? status : two_init(&two, arena, sizeof arena));
}

static uint32_t run_one(uint8_t *output) {
  uint32_t status;
  memcpy(one_input(&one, 0), input_one, sizeof input_one);
  status = (uint32_t)one_run(&one);
  memcpy(output, one_output(&one, 0), ONE_OUTPUT_0_BYTES);
  return status;
}

static uint32_t run(void) {
  uint32_t status = run_one(first);
  memcpy(two_input(&two, 0), input_two, sizeof input_two);
  status |= (uint32_t)two_run(&two);
  memcpy(second, two_output(&two, 0), sizeof second);
  return status | run_one(third);
}

static void *input(uint32_t index) { return index == 0 ? input_one : input_two; }

static const void *output(uint32_t index) { return index == 0 ? first : index == 1 ? second : third; }

const edgeq_harness_t edgeq_harness = {
  .model = &one,
  .entry = (void (*)(void))run,
  .arena = arena,
  .arena_bytes = BOTH_ARENA_BYTES,
  .input_count = 2,
  .output_count = 3,
  .input_bytes = input_bytes,
  .output_bytes = output_bytes,
  .step_count = 1,
  .region_count = 1,
  .regions = regions,
  .counts = counts,
  .init = init,
  .run = run,
  .input = input,
  .output = output,
};
