/* First contents of a model's state. */
#ifndef EDGEQ_FILL_H
#define EDGEQ_FILL_H

#include <stddef.h>
#include <stdint.h>

/* Writes `bytes` bytes to `to`: the `period` bytes of `pattern`, repeated. period: > 0, divides `bytes`. */
static inline void edgeq_fill(uint8_t *to, size_t bytes, const uint8_t *pattern, size_t period) {
  size_t next = 0;
  for (size_t i = 0; i < bytes; i++) {
    to[i] = pattern[next++];
    if (next == period) {
      next = 0;
    }
  }
}

#endif
