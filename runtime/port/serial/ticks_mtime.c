/* mtime of the RISC-V core-local interruptor, 64 bits in two words at EDGEQ_TICKS_BASE. */
#include "drivers.h"

static uint64_t start;

static uint64_t now(void) {
  uint32_t high, low;
  do {
    high = EDGEQ_REGISTER(EDGEQ_TICKS_BASE + 4u);
    low = EDGEQ_REGISTER(EDGEQ_TICKS_BASE);
  } while (high != EDGEQ_REGISTER(EDGEQ_TICKS_BASE + 4u));
  return ((uint64_t)high << 32) | low;
}

void edgeq_ticks_init(void) {
  start = now();
}

uint64_t edgeq_ticks(void) {
  return now() - start;
}
