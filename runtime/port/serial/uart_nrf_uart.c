/* UART of nRF51 (reference manual 3.0 chapter 29), kept by nRF52 (nRF52840 product specification, "UART").
 * EDGEQ_SERIAL_TX_PIN and _RX_PIN are pin numbers (32 * port + pin). */
#include "drivers.h"

#define TASKS_STARTRX EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x000u)
#define TASKS_STARTTX EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x008u)
#define EVENTS_RXDRDY EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x108u)
#define EVENTS_TXDRDY EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x11Cu)
#define ENABLE EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x500u)
#define PSELTXD EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x50Cu)
#define PSELRXD EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x514u)
#define RXD EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x518u)
#define TXD EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x51Cu)
#define BAUDRATE EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x524u)
#define CONFIG EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x56Cu)

static uint32_t sending;

void edgeq_uart_init(void) {
  PSELTXD = EDGEQ_SERIAL_TX_PIN;
  PSELRXD = EDGEQ_SERIAL_RX_PIN;
  /* A phase step of 2^32 per 16 MHz, of which the UART uses the upper 20 bits. */
  BAUDRATE = (uint32_t)((((uint64_t)EDGEQ_SERIAL_BAUD << 32) / EDGEQ_SERIAL_CLOCK_HZ + 0x800u) & 0xFFFFF000u);
  CONFIG = 0; /* no parity, no flow control */
  ENABLE = 4;
  EVENTS_RXDRDY = 0;
  EVENTS_TXDRDY = 0;
  TASKS_STARTTX = 1;
  TASKS_STARTRX = 1;
}

/* Six bytes deep. The event is cleared before the byte is taken, so that the next one raises it again. */
int32_t edgeq_serial_read(void) {
  if (EVENTS_RXDRDY == 0u) {
    return -1;
  }
  EVENTS_RXDRDY = 0;
  return (int32_t)(RXD & 0xFFu);
}

void edgeq_serial_write(uint8_t byte) {
  while (sending != 0u && EVENTS_TXDRDY == 0u) {
  }
  EVENTS_TXDRDY = 0;
  sending = 1;
  TXD = byte;
}
