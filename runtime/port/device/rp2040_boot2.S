/* The 256 bytes that the boot ROM of RP2040 copies to RAM and runs (RP2040 data sheet, section 2.8.1.3.1): they set
 * the flash controller to plain reads (command 03h, section 4.10), which any flash chip knows, and start the
 * program behind them. The last word is the CRC-32 of the 252 bytes before (tests/unit/test_device_blocks.py). */
  .syntax unified
  .thumb

  .equ SSI_BASE, 0x18000000
  .equ SSI_CTRLR0, 0x00
  .equ SSI_CTRLR1, 0x04
  .equ SSI_SSIENR, 0x08
  .equ SSI_BAUDR, 0x14
  .equ SSI_SPI_CTRLR0, 0xF4

  .section .boot, "a", %progbits
  .balign 256
boot2:
  ldr r0, ssi_base
  movs r1, #0
  str r1, [r0, #SSI_SSIENR] /* off while it is set up */
  movs r1, #4
  str r1, [r0, #SSI_BAUDR] /* a quarter of the processor's clock, at most 33 MHz */
  ldr r1, ctrlr0
  str r1, [r0, #SSI_CTRLR0]
  movs r1, #0
  str r1, [r0, #SSI_CTRLR1] /* one word per read */
  ldr r1, spi_ctrlr0
  movs r2, #SSI_SPI_CTRLR0
  str r1, [r0, r2]
  movs r1, #1
  str r1, [r0, #SSI_SSIENR]
  ldr r0, vectors
  ldr r1, [r0]
  msr msp, r1
  ldr r1, [r0, #4]
  bx r1
  .balign 4
ssi_base:
  .word SSI_BASE
ctrlr0:
  .word (31 << 16) | (3 << 8) /* 32 bits per word; send the command, then read */
spi_ctrlr0:
  .word (3 << 24) | (2 << 8) | (6 << 2) /* 03h; 8 bits of command, 24 of address, on one line */
vectors:
  .word 0x10000100
  .org 252, 0
  .word 0x6C75739F
