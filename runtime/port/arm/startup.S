/* Vector table and reset of a Cortex-M (any of them: Thumb-1 instructions only). */
  .syntax unified
  .thumb

  .section .vectors, "a", %progbits
  .balign 128
  .word edgeq_stack_top
  .word edgeq_reset
  .rept 14
  .word edgeq_trap
  .endr

  .section .text.edgeq_reset, "ax", %progbits
  .global edgeq_reset
  .thumb_func
  .type edgeq_reset, %function
edgeq_reset:
  ldr r0, =edgeq_stack_top
  mov sp, r0
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
  /* Coprocessors 10 and 11 (FPU, MVE) are off after reset: set CPACR. */
  ldr r0, =0xE000ED88
  ldr r1, =0x00F00000
  str r1, [r0]
  dsb
  isb
#endif
  bl edgeq_start
  .ltorg
  .size edgeq_reset, . - edgeq_reset

/* Every exception is a bug of the program. The stack may be the cause: use the hook's stack. */
  .section .text.edgeq_trap, "ax", %progbits
  .thumb_func
  .type edgeq_trap, %function
edgeq_trap:
  mrs r0, ipsr
  movs r1, #0
  mov r3, sp
  /* Without a valid frame (the stack itself faulted) reading it would fault again. */
  ldr r2, =edgeq_stack_low
  cmp r3, r2
  blo 1f
  ldr r2, =edgeq_stack_top - 32
  cmp r3, r2
  bhi 1f
  ldr r1, [r3, #24]
1:
  ldr r2, =edgeq_hook_stack_top
  mov sp, r2
  movs r2, #0
#if __ARM_ARCH >= 7
  ldr r2, =0xE000ED38 /* BFAR: the address of a bus fault */
  ldr r2, [r2]
#endif
  bl edgeq_fault
  .ltorg
  .size edgeq_trap, . - edgeq_trap
