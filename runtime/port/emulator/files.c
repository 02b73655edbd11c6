/* Files through semihosting. */
#include "edgeq_harness.h"
#include "semihost.h"

int32_t edgeq_port_open(const char *name, edgeq_mode mode) {
  uint32_t length = 0;
  while (name[length] != '\0') {
    length++;
  }
  const uint32_t block[3] = {(uint32_t)(uintptr_t)name, (uint32_t)mode, length};
  return (int32_t)edgeq_semihost(EDGEQ_SYS_OPEN, block);
}

uint32_t edgeq_port_read(int32_t file, void *data, uint32_t bytes) {
  const uint32_t block[3] = {(uint32_t)file, (uint32_t)(uintptr_t)data, bytes};
  return bytes - edgeq_semihost(EDGEQ_SYS_READ, block); /* the call returns what is missing */
}

uint32_t edgeq_port_write(int32_t file, const void *data, uint32_t bytes) {
  const uint32_t block[3] = {(uint32_t)file, (uint32_t)(uintptr_t)data, bytes};
  return edgeq_semihost(EDGEQ_SYS_WRITE, block);
}

void edgeq_port_close(int32_t file) {
  const uint32_t block[1] = {(uint32_t)file};
  (void)edgeq_semihost(EDGEQ_SYS_CLOSE, block);
}

void edgeq_exit(uint32_t code) {
  const uint32_t block[2] = {EDGEQ_APPLICATION_EXIT, code};
  (void)edgeq_semihost(EDGEQ_SYS_EXIT_EXTENDED, block);
  for (;;) {
  }
}
