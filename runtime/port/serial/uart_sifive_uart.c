/* UART of SiFive's FE310 (FE310-G002 manual, chapter 18). Both directions have a FIFO of eight bytes. */
#include "drivers.h"

#define TXDATA EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x00u)
#define RXDATA EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x04u)
#define TXCTRL EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x08u)
#define RXCTRL EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x0Cu)
#define DIV EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x18u)

#define NOT_NOW (1u << 31) /* TXDATA: full; RXDATA: empty */

void edgeq_uart_init(void) {
  DIV = (EDGEQ_SERIAL_CLOCK_HZ + EDGEQ_SERIAL_BAUD / 2u) / EDGEQ_SERIAL_BAUD - 1u;
  TXCTRL = 1;
  RXCTRL = 1;
}

int32_t edgeq_serial_read(void) {
  const uint32_t data = RXDATA;
  return (data & NOT_NOW) == 0u ? (int32_t)(data & 0xFFu) : -1;
}

void edgeq_serial_write(uint8_t byte) {
  while ((TXDATA & NOT_NOW) != 0u) {
  }
  TXDATA = byte;
}
