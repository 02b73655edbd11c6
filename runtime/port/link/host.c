/* The link's port on a computer: bytes come on standard input and go to standard output, until the input ends. */
#define _POSIX_C_SOURCE 199309L /* clock_gettime */
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "edgeq_link.h"
#include "edgeq_serial.h"

/* How long a read waits for a byte: a device would ask again and again, a computer has other things to do. */
#define WAIT_MILLISECONDS 2

static uint8_t in[4096], out[4096];
static size_t in_at, in_end, out_end;

static void flush(void) {
  size_t at = 0;
  while (at < out_end) {
    const ssize_t written = write(STDOUT_FILENO, out + at, out_end - at);
    if (written <= 0) {
      exit(0); /* the host has gone */
    }
    at += (size_t)written;
  }
  out_end = 0;
}

void edgeq_serial_init(void) {}

int32_t edgeq_serial_read(void) {
  struct pollfd port = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  if (in_at == in_end) {
    flush();
    if (poll(&port, 1, WAIT_MILLISECONDS) <= 0) {
      return -1;
    }
    const ssize_t got = read(STDIN_FILENO, in, sizeof in);
    if (got <= 0) {
      exit(0);
    }
    in_at = 0;
    in_end = (size_t)got;
  }
  return in[in_at++];
}

void edgeq_serial_write(uint8_t byte) {
  out[out_end++] = byte;
  if (out_end == sizeof out || (byte == 0u && out_end > 1u)) { /* the end of a frame, and not its beginning */
    flush();
  }
}

uint64_t edgeq_ticks(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint32_t edgeq_link_call(uint32_t (*run)(void), uint32_t *stack_bytes) {
  *stack_bytes = 0;
  return run();
}

uint32_t edgeq_link_stack_size(void) {
  return 0;
}
