/* Reset of a RISC-V hart that boots by itself (machine mode; RV32E has only these registers). */
  .option arch, +zicsr /* csrr: a name of its own in newer toolchains, part of I in older ones */

/* Every trap is a bug of the program, and starts it again: the host sees the board come up where it expected an answer.
 * This is the first address of flash, and so aligned as strictly as any core wants its trap vector (QingKe: 1 KB). */
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
  la t0, edgeq_reset
  csrw mtvec, t0
  la sp, edgeq_stack_top
  call edgeq_device_start
  .size edgeq_reset, . - edgeq_reset
