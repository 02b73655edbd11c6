/* What kernels say to compilers beside C99, mostly to keep hand-made inner loops as they are; other compilers
 * take the plain code beside them. */
#ifndef EDGEQ_COMPILER_H
#define EDGEQ_COMPILER_H

#include <stdint.h>

#if defined(__GNUC__)

/* Half of a 32-bit word that is written by halves and read whole (little-endian: the first half is the low one). */
typedef uint16_t __attribute__((may_alias)) edgeq_lane_t;

/* A function that keeps the registers to itself; headers may define one that not all who include them call. */
#define EDGEQ_NOINLINE __attribute__((noinline, unused))

/* After `static inline`: a function that becomes part of each caller, so that constant arguments stay constants. */
#define EDGEQ_INLINE __attribute__((always_inline))

/* Stands before a loop that is to stay one, although clang knows how often it runs and would write it out; and before
 * one of up to eight turns that is to be written out, so that arrays become registers. */
#if defined(__clang__)
#define EDGEQ_ROLLED _Pragma("clang loop unroll(disable)")
#define EDGEQ_UNROLLED _Pragma("clang loop unroll(full)")
#else
#define EDGEQ_ROLLED
#define EDGEQ_UNROLLED _Pragma("GCC unroll 8")
#endif

/* Computes `variable` here and now, in a register: sums are not regrouped, and the scheduler does not pull the loads
 * of later steps forward until registers run out. The second form keeps `other` alive as well, so that `variable +=
 * other` is computed in the register of `variable`. Thumb-1 computes in its low registers only. */
#if defined(__thumb__) && !defined(__thumb2__)
#define EDGEQ_FENCE(variable) __asm__ volatile("" : "+l"(variable))
#define EDGEQ_FENCE_2(variable, other) __asm__ volatile("" : "+l"(variable), "+l"(other))
#else
#define EDGEQ_FENCE(variable) __asm__ volatile("" : "+r"(variable))
#define EDGEQ_FENCE_2(variable, other) __asm__ volatile("" : "+r"(variable), "+r"(other))
#endif

#else

typedef uint16_t edgeq_lane_t;

#define EDGEQ_NOINLINE
#define EDGEQ_INLINE
#define EDGEQ_ROLLED
#define EDGEQ_UNROLLED
#define EDGEQ_FENCE(variable) ((void)(variable))
#define EDGEQ_FENCE_2(variable, other) ((void)(variable), (void)(other))

#endif

#endif
