/* SysTick of WCH's QingKe cores (CH32V003 reference manual, chapter 19; CH32FV2x_V3x, chapter 23) at the
 * processor's clock: they have no mcycle. The lower 32 bits are read; at 24 MHz at least every 178 seconds. */
#include "drivers.h"

#define CTLR EDGEQ_REGISTER(EDGEQ_TICKS_BASE + 0x00u)
#define CNT EDGEQ_REGISTER(EDGEQ_TICKS_BASE + 0x08u)

#define CTLR_RUN_CORE_CLOCK 5u

static uint32_t high, last;

void edgeq_ticks_init(void) {
  CNT = 0;
  CTLR = CTLR_RUN_CORE_CLOCK;
}

uint64_t edgeq_ticks(void) {
  const uint32_t now = CNT;
  if (now < last) {
    high++;
  }
  last = now;
  return ((uint64_t)high << 32) | now;
}
