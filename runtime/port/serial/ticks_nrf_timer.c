/* TIMER of nRF51 and nRF52 (nRF51 reference manual, chapter 18) at 16 MHz: a Cortex-M0 of Nordic has no SysTick.
 * It has 32 bits; read it at least every four minutes. */
#include "drivers.h"

#define TASKS_START EDGEQ_REGISTER(EDGEQ_TICKS_BASE + 0x000u)
#define TASKS_STOP EDGEQ_REGISTER(EDGEQ_TICKS_BASE + 0x004u)
#define TASKS_CLEAR EDGEQ_REGISTER(EDGEQ_TICKS_BASE + 0x00Cu)
#define TASKS_CAPTURE EDGEQ_REGISTER(EDGEQ_TICKS_BASE + 0x040u)
#define MODE EDGEQ_REGISTER(EDGEQ_TICKS_BASE + 0x504u)
#define BITMODE EDGEQ_REGISTER(EDGEQ_TICKS_BASE + 0x508u)
#define PRESCALER EDGEQ_REGISTER(EDGEQ_TICKS_BASE + 0x510u)
#define CC EDGEQ_REGISTER(EDGEQ_TICKS_BASE + 0x540u)

#define BITMODE_32 3u

static uint32_t high, last;

void edgeq_ticks_init(void) {
  TASKS_STOP = 1;
  MODE = 0;
  BITMODE = BITMODE_32;
  PRESCALER = 0;
  TASKS_CLEAR = 1;
  TASKS_START = 1;
}

uint64_t edgeq_ticks(void) {
  TASKS_CAPTURE = 1;
  const uint32_t now = CC;
  if (now < last) {
    high++;
  }
  last = now;
  return ((uint64_t)high << 32) | now;
}
