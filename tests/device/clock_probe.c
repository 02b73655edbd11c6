/* A link whose clock goes back by 2^24 ticks now and then, as a SysTick under QEMU does. Between two bytes of standard
 * input nothing comes for a while. What the link sends goes to standard output. */
#include <stdio.h>

#include "edgeq_link.h"
#include "edgeq_serial.h"

enum { IDLE = 7 };

static uint64_t now = 1u << 25;
static int idle, ended;

void edgeq_serial_init(void) {}

int32_t edgeq_serial_read(void) {
  int byte;
  if (idle++ % IDLE != 0) {
    return -1;
  }
  byte = getchar();
  ended = byte == EOF;
  return byte == EOF ? -1 : byte;
}

void edgeq_serial_write(uint8_t byte) {
  putchar(byte);
}

uint64_t edgeq_ticks(void) {
  now++;
  return now % 5u == 0u ? now - (1u << 24) : now;
}

uint32_t edgeq_link_call(uint32_t (*run)(void), uint32_t *stack_bytes) {
  *stack_bytes = 0;
  return run();
}

uint32_t edgeq_link_stack_size(void) {
  return 0;
}

int main(void) {
  static const edgeq_link_device_t device = {.board = "clock", .abi = 1, .ticks_hz = EDGEQ_TICKS_HZ};
  edgeq_link_start(&device);
  while (!ended) {
    edgeq_link_poll();
  }
  return 0;
}
