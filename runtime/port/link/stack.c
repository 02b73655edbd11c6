/* How deep a run goes: the free stack is painted before it and looked at after. Interrupts that came leave their marks
 * too. The stack's bounds are from link.ld.in. */
#include "edgeq_link.h"

#define PAINT 0x57ACC0DEu

extern uint32_t edgeq_stack_low[], edgeq_stack_top[];

static uint32_t *stack_pointer(void) {
  uint32_t *sp;
#if defined(__riscv)
  __asm__ volatile("mv %0, sp" : "=r"(sp));
#else
  __asm__ volatile("mov %0, sp" : "=r"(sp));
#endif
  return sp;
}

uint32_t edgeq_link_stack_size(void) {
  return (uint32_t)((uintptr_t)edgeq_stack_top - (uintptr_t)edgeq_stack_low);
}

/* Never inlined: its frame holds nothing but itself, and everything below is free. */
__attribute__((noinline)) uint32_t edgeq_link_call(uint32_t (*run)(void), uint32_t *stack_bytes) {
  uint32_t *const sp = stack_pointer();
  volatile uint32_t *word;
  uint32_t status;
  for (word = edgeq_stack_low; word < sp; word++) {
    *word = PAINT;
  }
  status = run();
  word = edgeq_stack_low;
  while (word < sp && *word == PAINT) {
    word++;
  }
  *stack_bytes = (uint32_t)((uintptr_t)sp - (uintptr_t)word);
  return status;
}
