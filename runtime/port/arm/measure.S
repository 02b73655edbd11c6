/* What must not depend on a C compiler: the call of <m>_run between two readings of the counter, the
 * painted stack, and the step hook, which runs on a stack of its own so that it leaves no trace on
 * the one being measured. Thumb-1 instructions only. */
  .syntax unified
  .thumb

  .equ PAINT, 0x57ACC0DE

/* reg = ticks, counting up; 0 without a counter. */
  .macro READ_COUNTER reg
#ifdef EDGEQ_COUNTER_ADDRESS
  ldr \reg, =EDGEQ_COUNTER_ADDRESS
  ldr \reg, [\reg]
#ifdef EDGEQ_COUNTER_DOWN
  mvns \reg, \reg
#endif
#else
  movs \reg, #0
#endif
  .endm

/* uint32_t edgeq_port_run(uint32_t measure) */
  .section .text.edgeq_port_run, "ax", %progbits
  .global edgeq_port_run
  .thumb_func
  .type edgeq_port_run, %function
edgeq_port_run:
  push {r3-r7, lr}
  ldr r4, =edgeq_harness
  ldr r5, [r4, #4]
  ldr r4, [r4]
  cmp r0, #0
  bne measured
  mov r0, r4
  blx r5
  pop {r3-r7, pc}

/* The same for a model that does nothing: its counts are known, so the rest is overhead. */
  .global edgeq_port_calibrate
  .thumb_func
  .type edgeq_port_calibrate, %function
edgeq_port_calibrate:
  push {r3-r7, lr}
  ldr r5, =null_run
measured:
  ldr r0, =edgeq_stack_low
  ldr r1, =PAINT
  mov r2, sp
1:
  str r1, [r0]
  adds r0, r0, #4
  cmp r0, r2
  blo 1b
  READ_COUNTER r1
  ldr r0, =edgeq_mark
  str r1, [r0]
  mov r0, r4
  blx r5
/* emulate/unicorn.py stops counting here. */
  .global edgeq_measured_return
edgeq_measured_return:
  READ_COUNTER r1
  mov r4, r0
  ldr r0, =edgeq_mark
  ldr r0, [r0]
  subs r6, r1, r0
  ldr r0, =edgeq_stack_low
  ldr r1, =PAINT
2:
  ldr r2, [r0]
  adds r0, r0, #4
  cmp r2, r1
  beq 2b
  subs r0, r0, #4
  mov r2, sp
  subs r2, r2, r0
  ldr r1, =edgeq_stack_used
  str r2, [r1]
  mov r0, r6
  bl edgeq_harness_run_end
  mov r0, r4
  pop {r3-r7, pc}
  .ltorg
  .size edgeq_port_run, . - edgeq_port_run

/* With the hook: 3 instructions to the first hook's first, 2 to the second's, 2 back to the caller.
 * Without: 2 in all. emulate/counts.py knows these numbers. */
  .thumb_func
  .type null_run, %function
null_run:
#ifdef EDGEQ_PROFILE
  push {r4, lr}
  movs r0, #0
  bl edgeq_on_step
  movs r0, #1
  bl edgeq_on_step
  movs r0, #0
  pop {r4, pc}

/* void edgeq_on_step(uint32_t step) */
  .section .text.edgeq_on_step, "ax", %progbits
  .global edgeq_on_step
  .thumb_func
  .type edgeq_on_step, %function
edgeq_on_step:
  READ_COUNTER r1
  ldr r2, =edgeq_mark
  ldr r3, [r2]
  subs r1, r1, r3
  mov r3, sp
  str r3, [r2, #4]
  mov r3, lr
  str r3, [r2, #8]
  ldr r3, =edgeq_hook_stack_top
  mov sp, r3
  bl edgeq_harness_step
  ldr r2, =edgeq_mark
  ldr r3, [r2, #4]
  mov sp, r3
  ldr r3, [r2, #8]
  mov lr, r3
  READ_COUNTER r1
  str r1, [r2]
  bx lr
  .ltorg
  .size edgeq_on_step, . - edgeq_on_step
#else
  movs r0, #0
  bx lr
#endif

  .section .text.edgeq_port_stack_bytes, "ax", %progbits
  .global edgeq_port_stack_bytes
  .thumb_func
  .type edgeq_port_stack_bytes, %function
edgeq_port_stack_bytes:
  ldr r0, =edgeq_stack_used
  ldr r0, [r0]
  bx lr
  .ltorg
  .size edgeq_port_stack_bytes, . - edgeq_port_stack_bytes

  .section .bss.edgeq_measure, "aw", %nobits
  .balign 8
edgeq_mark: /* counter, then the hook's saved sp and lr */
  .space 12
edgeq_stack_used:
  .space 4
  .space 1024
  .global edgeq_hook_stack_top
edgeq_hook_stack_top:
