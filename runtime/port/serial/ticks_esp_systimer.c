/* System timer of ESP32-C3 (technical reference manual, chapter 10) and C6: 52 bits at 16 MHz, running since reset.
 * These cores have no mcycle. */
#include "drivers.h"

#define UNIT0_OP EDGEQ_REGISTER(EDGEQ_TICKS_BASE + 0x04u)
#define UNIT0_HIGH EDGEQ_REGISTER(EDGEQ_TICKS_BASE + 0x40u)
#define UNIT0_LOW EDGEQ_REGISTER(EDGEQ_TICKS_BASE + 0x44u)

#define OP_UPDATE (1u << 30)
#define OP_VALID (1u << 29)

static uint64_t start;

static uint64_t now(void) {
  UNIT0_OP = OP_UPDATE;
  while ((UNIT0_OP & OP_VALID) == 0u) {
  }
  const uint32_t low = UNIT0_LOW;
  return ((uint64_t)(UNIT0_HIGH & 0xFFFFFu) << 32) | low;
}

void edgeq_ticks_init(void) {
  start = now();
}

uint64_t edgeq_ticks(void) {
  return now() - start;
}
