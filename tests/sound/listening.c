/* Samples from stdin, in pieces of the sizes that the arguments say, over and over; every score to stdout. A piece has
 * an allocation of its own, so that the sanitizers see any byte read beside it. */
#include <stdio.h>
#include <stdlib.h>

#include "net.h"

static __attribute__((aligned(NET_ARENA_ALIGN))) uint8_t arena[NET_ARENA_BYTES];
static __attribute__((aligned(NET_ARENA_ALIGN))) uint8_t state[NET_STATE_BYTES];

static int listen(net_t *net, const int16_t *samples, size_t count) {
  const int16_t *next = samples;
  size_t left = count;
  int32_t status;
  while ((status = net_push(net, &next, &left)) > 0) {
    if (fwrite(net_output(net, 0), 1, NET_OUTPUT_0_BYTES, stdout) != NET_OUTPUT_0_BYTES) {
      return 3;
    }
  }
  return (status < 0 || left || next != samples + count) ? 4 : 0;
}

int main(int argc, char **argv) {
  net_t net;
  int result = 0;
  size_t got = 1;
  if (net_init(&net, arena, sizeof arena, state, sizeof state) != EDGEQ_OK) {
    return 1;
  }
  if (net_push(&net, NULL, &got) >= 0) {
    return 5;
  }
  for (int i = 1; got && !result; i = i + 1 < argc ? i + 1 : 1) {
    const size_t size = (size_t)strtoul(argv[i], NULL, 10);
    int16_t *piece = malloc(size * sizeof(int16_t));
    got = fread(piece, sizeof(int16_t), size, stdin);
    result = listen(&net, piece, got);
    got += size == 0U;
    free(piece);
  }
  if (net_reset(&net) != EDGEQ_OK || net.heard) {
    return 6;
  }
  return result;
}
