#include "forest.h"

#include "edgeq/edgeq_step.h"
#include "forest_trees.h" /* forest_trees_predict, by emlearn */

uint32_t forest_init(forest_t *forest, void *arena, size_t arena_bytes) {
  forest->memory = (forest_memory_t *)arena;
  return arena_bytes < sizeof(forest_memory_t);
}

/* Per axis the sum, the sum of steps from reading to reading, and the energy: what costs one pass and no division.
 * compare.py computes the same integers. */
static void forest_describe(const int8_t *readings, int16_t *features) {
  for (int32_t axis = 0; axis < FOREST_AXES; axis++) {
    const int8_t *reading = readings + axis;
    int32_t last = *reading;
    int32_t sum = 0;
    int32_t steps = 0;
    int32_t energy = 0;
    for (int32_t i = 0; i < FOREST_READINGS; i++) {
      const int32_t now = *reading;
      const int32_t step = now - last;
      sum += now;
      steps += step < 0 ? -step : step;
      energy += now * now;
      last = now;
      reading += FOREST_AXES;
    }
    features[axis] = (int16_t)sum;
    features[FOREST_AXES + axis] = (int16_t)steps;
    features[2 * FOREST_AXES + axis] = (int16_t)(energy >> 6); /* 100 * 128 * 128 / 64 fits */
  }
}

uint32_t forest_run(forest_t *forest) {
  forest_memory_t *memory = forest->memory;
  EDGEQ_ON_STEP(0);
  forest_describe(memory->readings, memory->features);
  memory->label = forest_trees_predict(memory->features, FOREST_FEATURES);
  EDGEQ_ON_STEP(1);
  return 0;
}

void *forest_input(const forest_t *forest, uint32_t index) {
  (void)index;
  return forest->memory->readings;
}

const void *forest_output(const forest_t *forest, uint32_t index) {
  (void)index;
  return &forest->memory->label;
}
