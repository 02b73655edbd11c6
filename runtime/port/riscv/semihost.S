/* uint32_t edgeq_semihost(uint32_t operation, const void *block)
 * The two shifts around ebreak mark the request; the three must be 4 bytes each and in one page.
 * emulate/rtl.py writes what a simulated core does instead over these four instructions. */
  .section .text.edgeq_semihost, "ax", @progbits
  .global edgeq_semihost
  .type edgeq_semihost, @function
  .balign 16
edgeq_semihost:
  .option push
  .option norvc
  slli zero, zero, 0x1f
  ebreak
  srai zero, zero, 7
  nop
  .option pop
  ret
  .size edgeq_semihost, . - edgeq_semihost
