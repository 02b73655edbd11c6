/* The smallest IMAGE_DEF by which the boot ROM of RP2350 takes the flash for a program for its RISC-V cores
 * (RP2350 data sheet, section 5.9.5). It follows the vectors, within the first 4 KB. The program begins at the
 * start of flash, and the ROM has set up reading from it (command 03h). */
  .section .vectors.image_def, "a", @progbits
  .balign 4
  .word 0xFFFFDED3 /* start */
  .word 0x11010142 /* type: executable, RISC-V, RP2350 */
  .word 0x000001FF /* last item: one word in all */
  .word 0 /* no other block */
  .word 0xAB123579 /* end */
