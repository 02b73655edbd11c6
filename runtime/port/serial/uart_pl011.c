/* Arm PrimeCell UART PL011 (DDI 0183): RP2040 and RP2350. */
#include "drivers.h"

#define DR EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x00u)
#define FR EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x18u)
#define IBRD EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x24u)
#define FBRD EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x28u)
#define LCR_H EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x2Cu)
#define CR EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x30u)

#define FR_RX_EMPTY (1u << 4)
#define FR_TX_FULL (1u << 5)
#define LCR_FIFO (1u << 4)
#define LCR_EIGHT_BITS (3u << 5)
#define CR_UART (1u << 0)
#define CR_TX (1u << 8)
#define CR_RX (1u << 9)

void edgeq_uart_init(void) {
  /* In 64ths: clock / (16 * baud). */
  const uint32_t divisor = (4u * EDGEQ_SERIAL_CLOCK_HZ + EDGEQ_SERIAL_BAUD / 2u) / EDGEQ_SERIAL_BAUD;
  IBRD = divisor >> 6;
  FBRD = divisor & 63u;
  LCR_H = LCR_EIGHT_BITS | LCR_FIFO; /* also takes over the divisor */
  CR = CR_UART | CR_TX | CR_RX;
}

int32_t edgeq_serial_read(void) {
  return (FR & FR_RX_EMPTY) == 0u ? (int32_t)(DR & 0xFFu) : -1;
}

void edgeq_serial_write(uint8_t byte) {
  while ((FR & FR_TX_FULL) != 0u) {
  }
  DR = byte;
}
