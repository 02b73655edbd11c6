/* Continues a tale, one character per call: the newest character in, the likeliest next one out.
 *
 * edgeq convert decoder.onnx --stream --board host --calibrate decoder_calibration.npz -o out
 * make -C out && cc tell.c -Iout -Iout/edgeq/include out/libdecoder.a -o tell
 * ./tell "Mira the fox lived by the" 200
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder.h"

/* In the order of network.py's ALPHABET: a character's place is its token. */
static const char alphabet[] = "\n ,.:ABEILMOPSTWabcdefghiklmnoprstuvwxy";

static _Alignas(DECODER_ARENA_ALIGN) uint8_t arena[DECODER_ARENA_BYTES];
static _Alignas(DECODER_ARENA_ALIGN) uint8_t state[DECODER_STATE_BYTES];

/* The likeliest character after all since the last reset and `token`. */
static int32_t next(decoder_t *model, int32_t token) {
  *(int32_t *)decoder_input(model, 0) = token;
  decoder_run(model);
  const int8_t *logits = (const int8_t *)decoder_output(model, 0);
  int32_t best = 0;
  for (int32_t i = 1; i < DECODER_OUTPUT_0_BYTES; i++) {
    best = logits[i] > logits[best] ? i : best;
  }
  return best;
}

int main(int argc, char **argv) {
  const char *text = argc > 1 ? argv[1] : "Mira the fox";
  decoder_t model;
  int32_t token = 0;
  if (decoder_init(&model, arena, sizeof arena, state, sizeof state) != EDGEQ_OK) {
    return 1;
  }
  for (const char *c = text; *c; c++) {
    const char *place = strchr(alphabet, *c);
    if (!place) {
      fprintf(stderr, "no token for '%c'\n", *c);
      return 2;
    }
    token = next(&model, (int32_t)(place - alphabet));
  }
  fputs(text, stdout);
  for (int left = argc > 2 ? atoi(argv[2]) : 300; left > 0; left--) {
    putchar(alphabet[token]);
    token = next(&model, token);
  }
  putchar('\n');
  return 0;
}
