/* Vector table and reset of a Cortex-M that boots by itself (any of them: Thumb-1 instructions only). */
  .syntax unified
  .thumb

  .section .vectors, "a", %progbits
  .balign 128
  .global edgeq_vectors
edgeq_vectors:
  .word edgeq_stack_top
  .word edgeq_reset
  .rept 13
  .word edgeq_trap
  .endr
  .word edgeq_systick /* ticks_systick.c, or the trap below */

  .section .text.edgeq_reset, "ax", %progbits
  .global edgeq_reset
  .thumb_func
  .type edgeq_reset, %function
edgeq_reset:
  ldr r0, =edgeq_stack_top
  mov sp, r0
  /* A boot loader may have left its own table, and interrupts off. */
  ldr r0, =0xE000ED08
  ldr r1, =edgeq_vectors
  str r1, [r0]
  cpsie i
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
  /* Coprocessors 10 and 11 (FPU, MVE) are off after reset: set CPACR. */
  ldr r0, =0xE000ED88
  ldr r1, =0x00F00000
  str r1, [r0]
  dsb
  isb
#endif
  bl edgeq_device_start
  .ltorg
  .size edgeq_reset, . - edgeq_reset

/* Every exception is a bug of the program. Ask for a reset of the chip (AIRCR): the host sees the board come up
 * again where it expected an answer. */
  .section .text.edgeq_trap, "ax", %progbits
  .weak edgeq_systick
  .thumb_func
  .type edgeq_systick, %function
edgeq_systick:
  .thumb_func
  .type edgeq_trap, %function
edgeq_trap:
  ldr r0, =0xE000ED0C
  ldr r1, =0x05FA0004
  str r1, [r0]
1:
  b 1b
  .ltorg
  .size edgeq_trap, . - edgeq_trap
