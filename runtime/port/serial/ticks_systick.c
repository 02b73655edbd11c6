/* SysTick of Cortex-M (Armv7-M reference manual, B3.3), at the processor's clock. It has 24 bits; its interrupt
 * counts the wraps, so it may be read as seldom as one likes. */
#include "drivers.h"

#define CSR EDGEQ_REGISTER(0xE000E010u)
#define RVR EDGEQ_REGISTER(0xE000E014u)
#define CVR EDGEQ_REGISTER(0xE000E018u)
#define ICSR EDGEQ_REGISTER(0xE000ED04u)

#define CSR_RUN_INTERRUPT_CORE_CLOCK 7u
#define ICSR_PENDING (1u << 26)
#define LAST 0xFFFFFFu

static volatile uint32_t wraps;

/* In the vector table. */
void edgeq_systick(void);

void edgeq_systick(void) {
  wraps = wraps + 1u;
}

void edgeq_ticks_init(void) {
  RVR = LAST;
  CVR = 0; /* any write clears it; it reloads at the next tick */
  CSR = CSR_RUN_INTERRUPT_CORE_CLOCK;
  while (CVR == 0u) { /* until then it would read as the end of a round, and the clock would go back */
  }
}

uint64_t edgeq_ticks(void) {
  uint32_t before, low;
  do {
    before = wraps;
    low = LAST - (CVR & LAST);
    /* A wrap whose interrupt has not been taken yet would be missed: look again once it has. */
  } while (before != wraps || (ICSR & ICSR_PENDING) != 0u);
  return ((uint64_t)before << 24) | low;
}
