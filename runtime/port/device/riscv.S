/* Reset and trap entry of a RISC-V hart that boots by itself (machine mode; RV32E has only these registers). */
  .option arch, +zicsr /* csrr: a name of its own in newer toolchains, part of I in older ones */

  .section .vectors, "ax", @progbits
  .global edgeq_reset
  .type edgeq_reset, @function
edgeq_reset:
  /* A chip may start in an alias of its flash (at 0): go to where the program was linked. */
  lui t0, %hi(1f)
  addi t0, t0, %lo(1f)
  jr t0
1:
  csrci mstatus, 8 /* no interrupts, whatever ran before */
  la t0, edgeq_trap
  csrw mtvec, t0
#ifdef __riscv_vector
  li t0, 0x200 /* mstatus.VS = initial; vector instructions trap while it is off */
  csrs mstatus, t0
#endif
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
