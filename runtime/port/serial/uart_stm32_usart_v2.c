/* USART with ISR, RDR and TDR: STM32L4 (RM0432 chapter 50), H7 (RM0433 chapter 48), and others since the F3. */
#include "drivers.h"

#define CR1 EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x00u)
#define BRR EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x0Cu)
#define ISR EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x1Cu)
#define ICR EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x20u)
#define RDR EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x24u)
#define TDR EDGEQ_REGISTER(EDGEQ_SERIAL_BASE + 0x28u)

#define CR1_UE (1u << 0)
#define CR1_RE (1u << 2)
#define CR1_TE (1u << 3)
#define ISR_ORE (1u << 3)
#define ISR_RXNE (1u << 5)
#define ISR_TXE (1u << 7)
#ifndef EDGEQ_SERIAL_LOW_POWER
#define EDGEQ_SERIAL_LOW_POWER 0
#endif

/* LPUART1 divides 256 times its clock (RM0432 chapter 51). */
void edgeq_uart_init(void) {
#if EDGEQ_SERIAL_LOW_POWER
  BRR = (uint32_t)((256ull * EDGEQ_SERIAL_CLOCK_HZ + EDGEQ_SERIAL_BAUD / 2u) / EDGEQ_SERIAL_BAUD);
#else
  BRR = (EDGEQ_SERIAL_CLOCK_HZ + EDGEQ_SERIAL_BAUD / 2u) / EDGEQ_SERIAL_BAUD;
#endif
  CR1 = CR1_UE | CR1_TE | CR1_RE;
}

int32_t edgeq_serial_read(void) {
  const uint32_t flags = ISR;
  if ((flags & ISR_ORE) != 0u) {
    ICR = ISR_ORE; /* nothing more is received while it is set */
  }
  return (flags & ISR_RXNE) != 0u ? (int32_t)(RDR & 0xFFu) : -1;
}

void edgeq_serial_write(uint8_t byte) {
  while ((ISR & ISR_TXE) == 0u) {
  }
  TDR = byte;
}
