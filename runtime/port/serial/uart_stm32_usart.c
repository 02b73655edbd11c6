/* USART with SR and DR: STM32F1, F2, F4 (RM0368 chapter 19, RM0390 chapter 25), and the GD32VF103 and
 * CH32V families, which have the same registers. */
#include "drivers.h"

#define SR EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x00u)
#define DR EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x04u)
#define BRR EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x08u)
#define CR1 EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x0Cu)

#define SR_RXNE (1u << 5)
#define SR_TXE (1u << 7)
#define CR1_RE (1u << 2)
#define CR1_TE (1u << 3)
#define CR1_UE (1u << 13)

void edgeq_uart_init(void) {
  BRR = (EDGEQ_SERIAL_CLOCK_HZ + EDGEQ_SERIAL_BAUD / 2u) / EDGEQ_SERIAL_BAUD; /* 16 samples per bit */
  CR1 = CR1_UE | CR1_TE | CR1_RE;
}

/* Reading SR and then DR also clears an overrun. */
int32_t edgeq_serial_read(void) {
  return (SR & SR_RXNE) != 0u ? (int32_t)(DR & 0xFFu) : -1;
}

void edgeq_serial_write(uint8_t byte) {
  while ((SR & SR_TXE) == 0u) {
  }
  DR = byte;
}
