#include <Arduino.h>

SerialStub Serial;

int main() {
  setup();
  for (;;) loop();
}
