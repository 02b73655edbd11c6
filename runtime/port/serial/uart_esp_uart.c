/* UART of ESP32-C3 (technical reference manual, chapter 26) and ESP32-C6 (chapter 27). The chip's ROM has set
 * UART 0 up before it starts the program: pins, crystal clock, 115200 baud. It stays as it is. */
#include "drivers.h"

#define FIFO EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x00u)
#define STATUS EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x1Cu)

/* Bytes in the two FIFOs of 128; the C3's fields are two bits wider, which stay 0. */
#define STATUS_RECEIVED(status) ((status) & 0xFFu)
#define STATUS_TO_SEND(status) (((status) >> 16) & 0xFFu)
#define FIFO_BYTES 128u

#if EDGEQ_SERIAL_BAUD != 115200
#error "the ROM of an ESP32 sets its UART to 115200 baud"
#endif

void edgeq_uart_init(void) {}

int32_t edgeq_serial_read(void) {
  return STATUS_RECEIVED(STATUS) != 0u ? (int32_t)(FIFO & 0xFFu) : -1;
}

void edgeq_serial_write(uint8_t byte) {
  while (STATUS_TO_SEND(STATUS) >= FIFO_BYTES - 1u) {
  }
  FIFO = byte;
}
