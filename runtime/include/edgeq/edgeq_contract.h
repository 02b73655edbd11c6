/* The numbers shared between the converter (edgeq/contract.py) and C. A test compares the two files. */
#ifndef EDGEQ_CONTRACT_H
#define EDGEQ_CONTRACT_H

#include <stddef.h>
#include <stdint.h>

/* Raised whenever generated C and runtime of different versions must not be mixed. */
#define EDGEQ_ABI_VERSION 1

/* Alignment in bytes of the arena and of every tensor that a kernel reads by words. */
#define EDGEQ_ARENA_ALIGN 16

/* Alignment in bytes of every constant table in generated C. */
#define EDGEQ_WEIGHTS_ALIGN 4

/* A compile-time check that every compiler reports (gcc 12 accepts _Static_assert silently in pedantic C99). */
#define EDGEQ_ASSERT_AT_COMPILE_TIME(condition, name) typedef char edgeq_assert_##name[(condition) ? 1 : -1]

#endif
