/* The hook between the steps of a generated model.
 *
 * `<m>_run` calls EDGEQ_ON_STEP(i) before step i and EDGEQ_ON_STEP(<M>_STEP_COUNT) after the last
 * one. It is nothing by default. With -DEDGEQ_PROFILE the firmware defines `edgeq_on_step`, for
 * example to read a cycle counter or to look at a step's output in the arena. */
#ifndef EDGEQ_STEP_H
#define EDGEQ_STEP_H

#ifdef EDGEQ_PROFILE
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* step: index of the step about to run; <M>_STEP_COUNT after the last. */
void edgeq_on_step(uint32_t step);

#ifdef __cplusplus
}
#endif

#define EDGEQ_ON_STEP(step) edgeq_on_step(step)
#else
#define EDGEQ_ON_STEP(step) ((void)0)
#endif

#endif
