/* Semihosting: the debugger or emulator does what the bare processor cannot (files, text, exit). */
#ifndef EDGEQ_SEMIHOST_H
#define EDGEQ_SEMIHOST_H

#include <stdint.h>

#define EDGEQ_SYS_OPEN 0x01u
#define EDGEQ_SYS_CLOSE 0x02u
#define EDGEQ_SYS_WRITE0 0x04u
#define EDGEQ_SYS_WRITE 0x05u
#define EDGEQ_SYS_READ 0x06u
#define EDGEQ_SYS_EXIT_EXTENDED 0x20u
#define EDGEQ_APPLICATION_EXIT 0x20026u /* the reason that SYS_EXIT_EXTENDED gives */

/* In <arch>/semihost.S. `block` is the operation's argument block, or its string. */
uint32_t edgeq_semihost(uint32_t operation, const void *block);

/* Ends the program with this exit code. */
void edgeq_exit(uint32_t code) __attribute__((noreturn));

#endif
