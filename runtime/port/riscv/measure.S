/* What must not depend on a C compiler: the call of <m>_run between two readings of the counter, the
 * painted stack, and the step hook, which runs on a stack of its own so that it leaves no trace on
 * the one being measured. */
  .option arch, +zicsr /* csrr: a name of its own in newer toolchains, part of I in older ones */

  .equ PAINT, 0x57ACC0DE

/* uint32_t edgeq_port_run(uint32_t measure) */
  .section .text.edgeq_port_run, "ax", @progbits
  .global edgeq_port_run
  .type edgeq_port_run, @function
edgeq_port_run:
  addi sp, sp, -16
  sw ra, 12(sp)
  sw s0, 8(sp)
  sw s1, 4(sp)
  la t0, edgeq_harness
  lw t1, 4(t0) /* entry */
  lw s0, 0(t0) /* model */
  bnez a0, measured
  mv a0, s0
  jalr t1
  j finish

/* The same for a model that does nothing: its counts are known, so the rest is overhead. */
  .global edgeq_port_calibrate
  .type edgeq_port_calibrate, @function
edgeq_port_calibrate:
  addi sp, sp, -16
  sw ra, 12(sp)
  sw s0, 8(sp)
  sw s1, 4(sp)
  la t1, null_run
measured:
  la t0, edgeq_stack_low
  li t2, PAINT
1:
  sw t2, 0(t0)
  addi t0, t0, 4
  bltu t0, sp, 1b
  la t2, edgeq_mark
  mv a0, s0
  csrr t0, minstret
  sw t0, 0(t2)
  jalr t1
/* emulate/unicorn.py stops counting here. */
  .global edgeq_measured_return
edgeq_measured_return:
  csrr t0, minstret
  mv s0, a0
  la t2, edgeq_mark
  lw t1, 0(t2)
  sub s1, t0, t1
  la t0, edgeq_stack_low
  li t2, PAINT
2:
  lw t1, 0(t0)
  addi t0, t0, 4
  beq t1, t2, 2b
  addi t0, t0, -4
  sub t0, sp, t0
  la t2, edgeq_stack_used
  sw t0, 0(t2)
  mv a0, s1
  call edgeq_harness_run_end
  mv a0, s0
finish:
  lw ra, 12(sp)
  lw s0, 8(sp)
  lw s1, 4(sp)
  addi sp, sp, 16
  ret
  .size edgeq_port_run, . - edgeq_port_run

/* With the hook: 4 instructions to the first hook's first, 2 to the second's, 4 back to the caller.
 * Without: 2 in all. emulate/counts.py knows these numbers. */
  .section .text.null_run, "ax", @progbits
  .type null_run, @function
null_run:
#ifdef EDGEQ_PROFILE
  .option push
  addi sp, sp, -16
  sw ra, 12(sp)
  li a0, 0
  jal edgeq_on_step
  li a0, 1
  jal edgeq_on_step
  lw ra, 12(sp)
  addi sp, sp, 16
  li a0, 0
  ret
  .option pop
  .size null_run, . - null_run

/* void edgeq_on_step(uint32_t step) */
  .section .text.edgeq_on_step, "ax", @progbits
  .global edgeq_on_step
  .type edgeq_on_step, @function
edgeq_on_step:
  csrr a1, minstret
  la t2, edgeq_mark
  lw t1, 0(t2)
  sub a1, a1, t1
  sw sp, 4(t2)
  sw ra, 8(t2)
  la sp, edgeq_hook_stack_top
  call edgeq_harness_step
  la t2, edgeq_mark
  lw sp, 4(t2)
  lw ra, 8(t2)
  csrr t0, minstret
  sw t0, 0(t2)
  ret
  .size edgeq_on_step, . - edgeq_on_step
#else
  li a0, 0
  ret
  .size null_run, . - null_run
#endif

  .section .text.edgeq_port_stack_bytes, "ax", @progbits
  .global edgeq_port_stack_bytes
  .type edgeq_port_stack_bytes, @function
edgeq_port_stack_bytes:
  la t0, edgeq_stack_used
  lw a0, 0(t0)
  ret
  .size edgeq_port_stack_bytes, . - edgeq_port_stack_bytes

  .section .bss.edgeq_measure, "aw", @nobits
  .balign 16
edgeq_mark: /* counter, then the hook's saved sp and ra */
  .space 12
edgeq_stack_used:
  .space 4
  .space 1024
  .global edgeq_hook_stack_top
edgeq_hook_stack_top:
