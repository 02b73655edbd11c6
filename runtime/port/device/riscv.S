/* Reset and trap entry of a RISC-V hart that boots by itself (machine mode; RV32E has only these registers). */
  .option arch, +zicsr /* csrr: a name of its own in newer toolchains, part of I in older ones */

  .section .vectors, "ax", @progbits
  .global edgeq_reset
  .type edgeq_reset, @function
edgeq_reset:
  csrci mstatus, 8 /* no interrupts, whatever ran before */
  la t0, edgeq_trap
  csrw mtvec, t0
  la sp, edgeq_stack_top
  call edgeq_device_start
  .size edgeq_reset, . - edgeq_reset

/* Every trap is a bug of the program. Start again: the host sees the board come up where it expected an answer. */
  .section .text.edgeq_trap, "ax", @progbits
  .balign 64 /* mtvec keeps the lower bits for its mode */
  .type edgeq_trap, @function
edgeq_trap:
  j edgeq_reset
  .size edgeq_trap, . - edgeq_trap
