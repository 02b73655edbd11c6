/* string.h for toolchains that ship none: the four functions that edgeq's runtime may use.
 *
 * The macros reach the compiler's builtins even under -ffreestanding, so that a copy of known small
 * size becomes loads and stores instead of a call. mem.c holds the functions for the rest. */
#ifndef EDGEQ_SHIM_STRING_H
#define EDGEQ_SHIM_STRING_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

void *memcpy(void *destination, const void *source, size_t bytes);
void *memmove(void *destination, const void *source, size_t bytes);
void *memset(void *destination, int value, size_t bytes);
int memcmp(const void *left, const void *right, size_t bytes);

#ifdef __cplusplus
}
#endif

#define memcpy(destination, source, bytes) __builtin_memcpy((destination), (source), (bytes))
#define memmove(destination, source, bytes) __builtin_memmove((destination), (source), (bytes))
#define memset(destination, value, bytes) __builtin_memset((destination), (value), (bytes))
#define memcmp(left, right, bytes) __builtin_memcmp((left), (right), (bytes))

#endif
