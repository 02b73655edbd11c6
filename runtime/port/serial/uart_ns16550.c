/* The 16550 (National Semiconductor PC16550D data sheet) with byte-wide registers: QEMU's virt machine. */
#include "drivers.h"

#define REGISTER(index) (*(volatile uint8_t *)(uintptr_t)(EDGEQ_SERIAL_BASE + (index)))
#define DATA REGISTER(0u)
#define DIVISOR_LOW REGISTER(0u)
#define DIVISOR_HIGH REGISTER(1u)
#define INTERRUPTS REGISTER(1u)
#define FIFO_CONTROL REGISTER(2u)
#define LINE_CONTROL REGISTER(3u)
#define LINE_STATUS REGISTER(5u)

#define EIGHT_BITS 3u
#define DIVISOR_ACCESS 0x80u
#define FIFO_CLEAR_ENABLE 7u
#define DATA_READY 1u
#define HOLDING_EMPTY 0x20u

void edgeq_uart_init(void) {
  const uint32_t divisor = EDGEQ_SERIAL_CLOCK_HZ / (16u * EDGEQ_SERIAL_BAUD);
  INTERRUPTS = 0;
  LINE_CONTROL = EIGHT_BITS | DIVISOR_ACCESS;
  DIVISOR_LOW = (uint8_t)divisor;
  DIVISOR_HIGH = (uint8_t)(divisor >> 8);
  LINE_CONTROL = EIGHT_BITS;
  FIFO_CONTROL = FIFO_CLEAR_ENABLE;
}

int32_t edgeq_serial_read(void) {
  return (LINE_STATUS & DATA_READY) != 0u ? (int32_t)DATA : -1;
}

void edgeq_serial_write(uint8_t byte) {
  while ((LINE_STATUS & HOLDING_EMPTY) == 0u) {
  }
  DATA = byte;
}
