/* Samples from stdin, in chunks of another size each time; scores of every run to stdout. */
#include <stdio.h>

#include "ears.h"

static int16_t frame[EARS_FRAME_SAMPLES];
static __attribute__((aligned(NET_ARENA_ALIGN))) uint8_t arena[NET_ARENA_BYTES];
static int32_t scratch[EARS_SCRATCH_WORDS];
#if NET_STATE_BYTES
static __attribute__((aligned(NET_ARENA_ALIGN))) uint8_t state[NET_STATE_BYTES];
#endif
#ifdef EARS_HISTORY_BYTES
static int8_t history[EARS_HISTORY_BYTES];
#endif

int main(void) {
  net_t net;
  ears_t ears_of_net;
  int16_t samples[1000];
  size_t size = 1;
#if NET_STATE_BYTES
  if (net_init(&net, arena, sizeof arena, state, sizeof state) != EDGEQ_OK) {
    return 1;
  }
#else
  if (net_init(&net, arena, sizeof arena) != EDGEQ_OK) {
    return 1;
  }
#endif
#ifdef EARS_HISTORY_BYTES
  ears_start(&ears_of_net, &net, frame, scratch, history);
#else
  ears_start(&ears_of_net, &net, frame, scratch);
#endif
  for (size_t got; (got = fread(samples, 2, size, stdin)) > 0; size = size * 7 % 997) {
    const int16_t *next = samples;
    uint32_t count = (uint32_t)got;
    int32_t status;
    while ((status = ears_next(&ears_of_net, &next, &count)) > 0) {
      if (fwrite(net_output(&net, 0), 1, NET_OUTPUT_0_BYTES, stdout) != NET_OUTPUT_0_BYTES) {
        return 3;
      }
    }
    if (status < 0 || count) {
      return 4;
    }
  }
  return 0;
}
