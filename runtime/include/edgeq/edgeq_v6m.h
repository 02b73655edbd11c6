/* Requantization for cores without a long multiplication (Cortex-M0, M0+), for accumulators under 2^23.
 *
 * Two multiplications instead of four: with the upper 16 bits of the multiplier, in units of 1/256 of an output, what
 * is to be rounded lies strictly between estimate - 4 and estimate + 4. The floors and the rounding of signs take
 * [-0.5, 1.5]; the multiplier's lower 15 bits are worth less than 2.1 units for an output of at most 257 steps from the
 * zero point. Where no rounding boundary lies between the two, in 31 of 32 cases, both ends give the output; otherwise
 * it is computed in full. Outputs further away are off by less than a step in 2^14, and limited anyway.
 *
 * Inner loops and requantization are assembly because compilers run out of the 8 low registers; elsewhere, so that the
 * same folder is proved on a PC with sanitizers, all of it is C.
 */
#ifndef EDGEQ_V6M_H
#define EDGEQ_V6M_H

#include <stdint.h>

#include "edgeq/edgeq_compiler.h"
#include "edgeq/edgeq_requantize.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What computes an output in full, not yet limited: the sum, its factor, and 2 * zero_point + 1 or the zero point. */
typedef int32_t edgeq_v6m_full_function(int32_t sum, int32_t multiplier, int32_t right, int32_t offset);

static inline int32_t edgeq_v6m_full(int32_t sum, int32_t multiplier, int32_t right, int32_t offset) {
  return edgeq_requantize_right(sum, multiplier, right, offset);
}

static inline int32_t edgeq_v6m_full_once(int32_t sum, int32_t multiplier, int32_t right, int32_t zero_point) {
  return edgeq_requantize_once_right(sum, multiplier, right) + zero_point;
}

/* What is added to an estimate: the zero point, the half of an output, less the error. */
static inline int32_t edgeq_v6m_offset(int32_t zero_point) {
  return zero_point * 256 + 128 - 4;
}

#if defined(__thumb__) && !defined(__thumb2__)

#define EDGEQ_V6M 1

/* A function that is assembly alone: arguments in r0 to r3 and on the stack, r4 to r11 preserved, as the ABI says. */
#define EDGEQ_NAKED __attribute__((naked, noinline))

#else

#define EDGEQ_V6M 0

/* The assembly below in C; `twice`: where the first of two roundings adds half a unit of the high product away from
 * zero (as 128 or -127). */
static inline int8_t edgeq_v6m_finish(int32_t sum, const int32_t *factor, int twice, edgeq_v6m_full_function *full,
                                      int32_t full_offset, int32_t offset, int32_t low, int32_t high) {
  const int32_t upper = factor[0] >> 15, right = factor[1];
  const int32_t product = (sum >> 8) * upper + (int32_t)((uint32_t)(uint8_t)sum * (uint32_t)upper >> 8);
  const int32_t lower = ((product + (twice == 0 ? 0 : sum < 0 ? -127 : 128)) >> right) + offset;
  return (int8_t)edgeq_clamp((uint8_t)lower <= 248 ? lower >> 8 : full(sum, factor[0], right, full_offset), low, high);
}

#endif

/* clang-format off */
/* Assembly: the sum in register x becomes the output. r2: multiplier; r3: shift; r8, r9: limits; r10: offset. Calls
 * label 90, which makes an output in r1 of the sum in r12. Changes r1, r2, r12, lr. */
#define EDGEQ_V6M_START(x)  \
  "mov r12, " x "\n"        \
  "uxtb r1, " x "\n"        \
  "muls r1, r2, r1\n"       \
  "lsrs r1, r1, #8\n"
#define EDGEQ_V6M_END(x)    \
  "muls " x ", r2, " x "\n" \
  "adds " x ", " x ", r1\n" \
  "asrs " x ", " x ", r3\n" \
  "add " x ", r10\n"        \
  "uxtb r1, " x "\n"        \
  "cmp r1, #248\n"          \
  "bls 81f\n"               \
  "bl 90f\n"                \
  "movs " x ", r1\n"        \
  "b 82f\n"                 \
  "81:\n"                   \
  "asrs " x ", " x ", #8\n" \
  "82:\n"                   \
  "cmp " x ", r8\n"         \
  "bge 83f\n"               \
  "mov " x ", r8\n"         \
  "83:\n"                   \
  "cmp " x ", r9\n"         \
  "ble 84f\n"               \
  "mov " x ", r9\n"         \
  "84:\n"
#define EDGEQ_V6M_FINISH(x) \
  EDGEQ_V6M_START(x)        \
  "adds r1, #128\n"         \
  "asrs " x ", " x ", #8\n" \
  "bpl 80f\n"               \
  "subs r1, #255\n"         \
  "80:\n"                   \
  EDGEQ_V6M_END(x)
#define EDGEQ_V6M_FINISH_ONCE(x) EDGEQ_V6M_START(x) "asrs " x ", " x ", #8\n" EDGEQ_V6M_END(x)

/* Saves and restores the registers that the ABI wants preserved. */
#define EDGEQ_V6M_PUSH        \
  ".syntax unified\n"         \
  "push {r4-r7, lr}\n"        \
  "mov r4, r8\n"              \
  "mov r5, r9\n"              \
  "mov r6, r10\n"             \
  "mov r7, r11\n"             \
  "push {r4-r7}\n"
#define EDGEQ_V6M_POP         \
  "pop {r4-r7}\n"             \
  "mov r8, r4\n"              \
  "mov r9, r5\n"              \
  "mov r10, r6\n"             \
  "mov r11, r7\n"             \
  "pop {r4-r7, pc}\n"

/* Label 90; load: assembly that gets the multiplier to r1. At `full` and `offset` on the stack (these are 24 more than
 * outside): a full function and its offset. */
#define EDGEQ_V6M_FULL(load, full, offset) \
  "90:\n"                                  \
  "push {r0, r2-r5, lr}\n"                 \
  load                                     \
  "mov r0, r12\n"                          \
  "movs r2, r3\n"                          \
  "ldr r3, [sp, #" offset "]\n"            \
  "ldr r4, [sp, #" full "]\n"              \
  "blx r4\n"                               \
  "movs r1, r0\n"                          \
  "pop {r0, r2-r5, pc}\n"
/* clang-format on */

#ifdef __cplusplus
}
#endif

#endif
