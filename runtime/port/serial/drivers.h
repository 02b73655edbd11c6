/* What the drivers share: access to registers, and the two functions that `edgeq_serial_init` calls. */
#ifndef EDGEQ_SERIAL_DRIVERS_H
#define EDGEQ_SERIAL_DRIVERS_H

#include <stdint.h>

#include "edgeq_serial.h"

/* The 32-bit register at an address. */
#define EDGEQ_REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* In uart_<family>.c: the UART itself, once it has its clock and its pins. */
void edgeq_uart_init(void);

/* In ticks_<source>.c: starts the counter. */
void edgeq_ticks_init(void);

#endif
