/* What the example sketch uses of an Arduino core, on the host. */
#ifndef ARDUINO_STUB_H
#define ARDUINO_STUB_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct SerialStub {
  void begin(unsigned long) {}
  void print(const char *text) { fputs(text, stdout); }
  void print(long number) { printf("%ld", number); }
  void println(const char *text) { puts(text); }
};
extern SerialStub Serial;

/* The sketch waits after it has reported. */
inline void delay(unsigned long) { exit(0); }

void setup();
void loop();

#endif
