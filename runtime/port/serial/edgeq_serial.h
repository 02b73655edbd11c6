/* A serial port and a clock, as bare as a board has them. The link protocol stands on these.
 *
 * One driver of the UART (uart_<family>.c) and one of the tick counter (ticks_<source>.c) implement them;
 * the board file names both, and `edgeq.toolchain.serial_units` turns its tables into these macros:
 *
 *   EDGEQ_SERIAL_BASE      address of the UART's registers
 *   EDGEQ_SERIAL_CLOCK_HZ  clock that feeds the UART
 *   EDGEQ_SERIAL_BAUD      bits per second; 8 data bits, no parity, 1 stop bit
 *   EDGEQ_SERIAL_SETUP     {address, keep, value, wait} rows: clocks and pins, see setup.c; may be absent
 *   EDGEQ_TICKS_HZ         ticks per second
 *   EDGEQ_TICKS_BASE       address of the counter's registers, for sources that are not part of the processor
 *   EDGEQ_SERIAL_<KEY>, EDGEQ_TICKS_<KEY>  what only one driver knows, from the tables' `options`
 *   EDGEQ_BOARD            name of the board, a string
 *
 * Nothing here allocates, and nothing but `edgeq_serial_write` and the setup rows ever waits. */
#ifndef EDGEQ_SERIAL_H
#define EDGEQ_SERIAL_H

#include <stdint.h>

/* Clocks, pins, the UART at EDGEQ_SERIAL_BAUD, the tick counter. Called once, before anything else here. */
void edgeq_serial_init(void);

/* The next received byte, or -1 when none has come. Bytes that arrive faster than they are read are lost:
 * most UARTs hold one. */
int32_t edgeq_serial_read(void);

/* Waits until the UART takes the byte. */
void edgeq_serial_write(uint8_t byte);

/* Ticks since init, EDGEQ_TICKS_HZ per second. Never goes back. Each ticks_<source>.c says how often it must
 * be read so that no wrap of its counter is missed. */
uint64_t edgeq_ticks(void);

#endif
