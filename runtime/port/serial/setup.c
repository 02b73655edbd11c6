/* edgeq_serial_init: the register writes of the board file in their order, then the two drivers. */
#include "drivers.h"

#ifdef EDGEQ_SERIAL_SETUP
/* A row with wait == 0 writes `(register & keep) | value`, and with keep == 0 does not read the register.
 * A row with wait != 0 waits until `register & keep` equals value. */
typedef struct {
  uint32_t address;
  uint32_t keep;
  uint32_t value;
  uint32_t wait;
} edgeq_setup_t;

static void set_up(void) {
  static const edgeq_setup_t rows[] = {EDGEQ_SERIAL_SETUP};
  for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const edgeq_setup_t *row = &rows[i];
    if (row->wait != 0u) {
      while ((EDGEQ_REGISTER(row->address) & row->keep) != row->value) {
      }
    } else if (row->keep != 0u) {
      EDGEQ_REGISTER(row->address) = (EDGEQ_REGISTER(row->address) & row->keep) | row->value;
    } else {
      EDGEQ_REGISTER(row->address) = row->value;
    }
  }
}
#endif

void edgeq_serial_init(void) {
#ifdef EDGEQ_SERIAL_SETUP
  set_up();
#endif
  edgeq_uart_init();
  edgeq_ticks_init();
}
