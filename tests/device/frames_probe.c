/* What the firmware's frame layer makes of its standard input: a line per frame, in hexadecimal, "-" for a damaged one.
 * With an argument it sends every frame back instead. */
#include <stdio.h>

#include "edgeq_frames.h"
#include "edgeq_serial.h"

void edgeq_serial_write(uint8_t byte) {
  putchar(byte);
}

int main(int count, char **arguments) {
  static edgeq_frames_t frames;
  int byte;
  (void)arguments;
  while ((byte = getchar()) != EOF) {
    const int32_t size = edgeq_frames_take(&frames, (uint8_t)byte);
    if (count > 1) {
      if (size > 0) {
        edgeq_frames_send(&frames, (uint32_t)size);
      }
    } else if (size == EDGEQ_FRAME_GARBLED) {
      puts("-");
    } else if (size > 0) {
      for (int32_t i = 0; i < size; i++) {
        printf("%02x", frames.bytes[i]);
      }
      puts("");
    }
  }
  return 0;
}
