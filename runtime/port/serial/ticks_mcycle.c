/* The cycle counter of RISC-V (privileged specification, "Hardware Performance Monitor"), 64 bits in two halves.
 * EDGEQ_TICKS_INHIBITED: the core starts with it halted, by the CSR mcountinhibit, which older cores do not have. */
#include "drivers.h"

/* csrr is an extension of its own (Zicsr) in newer toolchains, part of I in older ones. */
#define READ(value, csr) \
  __asm__ volatile(".option push\n .option arch, +zicsr\n csrr %0, " csr "\n .option pop" : "=r"(value))

static uint64_t start;

static uint64_t cycles(void) {
  uint32_t high, low, again;
  do {
    READ(high, "mcycleh");
    READ(low, "mcycle");
    READ(again, "mcycleh");
  } while (high != again);
  return ((uint64_t)high << 32) | low;
}

void edgeq_ticks_init(void) {
#ifdef EDGEQ_TICKS_INHIBITED
  __asm__ volatile(".option push\n .option arch, +zicsr\n csrw 0x320, zero\n .option pop");
#endif
  start = cycles();
}

uint64_t edgeq_ticks(void) {
  return cycles() - start;
}
