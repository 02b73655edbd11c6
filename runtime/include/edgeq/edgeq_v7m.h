/* What kernels for Armv7-M without the DSP extension (Cortex-M3) share: the requantization of a sum as text of
 * assembly.
 *
 * Inner loops and requantization are assembly because both compilers spill; what surrounds them is C. Elsewhere, so
 * that the same folder is proved on a PC with sanitizers, all of it is C, with the plain forms of edgeq_dsp.h.
 */
#ifndef EDGEQ_V7M_H
#define EDGEQ_V7M_H

#include "edgeq/edgeq_dsp.h"

#if defined(__ARM_ARCH_ISA_THUMB) && __ARM_ARCH_ISA_THUMB == 2
#define EDGEQ_V7M_ASSEMBLY 1
#else
#define EDGEQ_V7M_ASSEMBLY 0
#endif

/* A function that is assembly alone: arguments in r0 to r3, r4 to r11 preserved, as the ABI says. */
#define EDGEQ_V7M_NAKED __attribute__((naked, noinline))

/* clang-format off */
/* The shift of a high product `sum`, rounded half up with the carry that ASRS leaves, and the byte stored at `address`.
 * shift: [1, 31] in the low byte; zero_point: added last, before saturation. */
#define EDGEQ_V7M_STORE(sum, shift, zero_point, address)               \
  "asrs " sum ", " sum ", " shift "\n"                                 \
  "adc " sum ", " sum ", " zero_point "\n"                             \
  "ssat " sum ", #8, " sum "\n"                                        \
  "strb " sum ", " address "\n"

/* TFLite's double rounding (edgeq_dsp_round), stored. factor: the multiplier m as 2 m - 2^32, so that
 * (2^32 sum + 2^31 + sum * factor) / 2^32 is sum * m / 2^31 rounded half up. low: a register to spoil. */
#define EDGEQ_V7M_FINISH(sum, factor, shift, zero_point, low, address) \
  "mov " low ", #0x80000000\n"                                         \
  "smlal " low ", " sum ", " sum ", " factor "\n"                      \
  "add " sum ", " sum ", " sum ", asr #31\n"                           \
  EDGEQ_V7M_STORE(sum, shift, zero_point, address)

/* A single rounding half up (edgeq_dsp_round_once), stored. */
#define EDGEQ_V7M_FINISH_ONCE(sum, factor, shift, zero_point, low, address) \
  "mov " low ", #0\n"                                                  \
  "smlal " low ", " sum ", " sum ", " factor "\n"                      \
  EDGEQ_V7M_STORE(sum, shift, zero_point, address)
/* clang-format on */

#endif
