/* UART of Arm's CMSDK (Cortex-M System Design Kit, DDI 0479, section 4.3): the MPS2 and MPS3 boards. */
#include "drivers.h"

#define DATA EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x00u)
#define STATE EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x04u)
#define CTRL EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x08u)
#define BAUDDIV EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x10u)

#define STATE_TX_FULL (1u << 0)
#define STATE_RX_FULL (1u << 1)
#define STATE_RX_OVERRUN (1u << 3)
#define CTRL_TX (1u << 0)
#define CTRL_RX (1u << 1)

void edgeq_uart_init(void) {
  BAUDDIV = (EDGEQ_SERIAL_CLOCK_HZ + EDGEQ_SERIAL_BAUD / 2u) / EDGEQ_SERIAL_BAUD; /* at least 16 */
  CTRL = CTRL_TX | CTRL_RX;
}

int32_t edgeq_serial_read(void) {
  const uint32_t state = STATE;
  if ((state & STATE_RX_OVERRUN) != 0u) {
    STATE = STATE_RX_OVERRUN;
  }
  return (state & STATE_RX_FULL) != 0u ? (int32_t)(DATA & 0xFFu) : -1;
}

void edgeq_serial_write(uint8_t byte) {
  while ((STATE & STATE_TX_FULL) != 0u) {
  }
  DATA = byte;
}
