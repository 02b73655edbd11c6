/* Reset and trap entry of a bare RV32 hart (machine mode, hart 0). */
  .option arch, +zicsr /* csrr: a name of its own in newer toolchains, part of I in older ones */

  .section .vectors, "ax", @progbits
  .global edgeq_reset
  .type edgeq_reset, @function
edgeq_reset:
  la t0, edgeq_trap
  csrw mtvec, t0
#ifdef __riscv_vector
  li t0, 0x200 /* mstatus.VS = initial; vector instructions trap while it is off */
  csrs mstatus, t0
#endif
  la sp, edgeq_stack_top
  call edgeq_start
  .size edgeq_reset, . - edgeq_reset

/* Every trap is a bug of the program. The stack may be the cause: use the hook's stack. */
  .section .text.edgeq_trap, "ax", @progbits
  .balign 256 /* Ibex and CV32E40P take no finer trap vector */
  .type edgeq_trap, @function
edgeq_trap:
  csrr a0, mcause
  csrr a1, mepc
  csrr a2, mtval
  la sp, edgeq_hook_stack_top
  call edgeq_fault
  .size edgeq_trap, . - edgeq_trap
