/* The random forest as firmware: features of 100 readings of six axes, then the trees that emlearn generates.
 * It has the functions of a model that edgeq converts, so that edgeq's harness runs and measures it alike. */
#ifndef FOREST_H
#define FOREST_H

#include <stddef.h>
#include <stdint.h>

#define FOREST_READINGS 100
#define FOREST_AXES 6
#define FOREST_FEATURES (3 * FOREST_AXES)

typedef struct {
  int16_t features[FOREST_FEATURES];
  int32_t label;
  int8_t readings[FOREST_READINGS * FOREST_AXES]; /* reading after reading */
} forest_memory_t;

#define FOREST_ARENA_BYTES sizeof(forest_memory_t)
#define FOREST_ARENA_ALIGN 16
#define FOREST_INPUT_COUNT 1
#define FOREST_OUTPUT_COUNT 1
#define FOREST_STEP_COUNT 1

typedef struct {
  forest_memory_t *memory;
} forest_t;

/* 0, or 1 when the arena is too small. The arena is the caller's and stays in use. */
uint32_t forest_init(forest_t *forest, void *arena, size_t arena_bytes);

/* Reads the 600 int8 of input 0; writes the class, an int32, to output 0. Returns 0. */
uint32_t forest_run(forest_t *forest);

void *forest_input(const forest_t *forest, uint32_t index);
const void *forest_output(const forest_t *forest, uint32_t index);

#endif
