/* From reset to the harness, the words that guard memory, and the report of a trap. Shared by all
 * processors; <arch>/startup.S calls edgeq_start and edgeq_fault. */
#include <stddef.h>
#include <string.h>

#include "edgeq_harness.h"
#include "semihost.h"

/* From link.ld.in. */
extern uint32_t edgeq_data_start[], edgeq_data_end[], edgeq_data_image[];
extern uint32_t edgeq_bss_start[], edgeq_bss_end[];
extern uint32_t edgeq_stack_guard[], edgeq_stack_low[];
extern uint32_t edgeq_arena_guard[], edgeq_arena_guard_end[];
extern uint8_t edgeq_arena_end[], edgeq_ram_end[];

/* <arch>/measure.S reads the two fields by these offsets. */
typedef char edgeq_assert_model_first[offsetof(edgeq_harness_t, model) == 0 ? 1 : -1];
typedef char edgeq_assert_entry_second[offsetof(edgeq_harness_t, entry) == 4 ? 1 : -1];

void edgeq_start(void);
void edgeq_fault(uint32_t cause, uint32_t pc, uint32_t address) __attribute__((noreturn));

#ifdef EDGEQ_COUNTER_SETUP
/* Registers to write before the counter runs: {address, value} pairs from the board file. */
static void start_counter(void) {
  static const uint32_t writes[][2] = {EDGEQ_COUNTER_SETUP};
  for (uint32_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
    *(volatile uint32_t *)(uintptr_t)writes[i][0] = writes[i][1];
  }
}
#endif

void edgeq_start(void) {
  memcpy(edgeq_data_start, edgeq_data_image, (size_t)((uintptr_t)edgeq_data_end - (uintptr_t)edgeq_data_start));
  memset(edgeq_bss_start, 0, (size_t)((uintptr_t)edgeq_bss_end - (uintptr_t)edgeq_bss_start));
#ifdef EDGEQ_COUNTER_SETUP
  start_counter();
#endif
  edgeq_exit(edgeq_harness_main());
}

static void fill(uint32_t *from, const uint32_t *to) {
  while (from != to) {
    *from++ = EDGEQ_CANARY;
  }
}

static uint32_t differs(const uint32_t *from, const uint32_t *to) {
  while (from != to) {
    if (*from++ != EDGEQ_CANARY) {
      return 1;
    }
  }
  return 0;
}

void edgeq_port_guard(void) {
  fill(edgeq_stack_guard, edgeq_stack_low);
  fill(edgeq_arena_guard, edgeq_arena_guard_end);
  for (uint8_t *p = edgeq_arena_end; p != edgeq_ram_end; p++) {
    *p = (uint8_t)EDGEQ_CANARY;
  }
}

uint32_t edgeq_port_check_guard(void) {
  uint32_t bad = differs(edgeq_stack_guard, edgeq_stack_low) | differs(edgeq_arena_guard, edgeq_arena_guard_end);
  for (const uint8_t *p = edgeq_arena_end; p != edgeq_ram_end; p++) {
    bad |= (uint32_t)(*p != (uint8_t)EDGEQ_CANARY);
  }
  return bad;
}

static char *put(char *to, const char *text) {
  while (*text != '\0') {
    *to++ = *text++;
  }
  return to;
}

static char *put_hex(char *to, uint32_t value) {
  for (uint32_t shift = 32; shift != 0u; shift -= 4u) {
    *to++ = "0123456789abcdef"[(value >> (shift - 4u)) & 15u];
  }
  return to;
}

/* One line on the emulator's console, which edgeq/emulate/qemu.py reads. */
void edgeq_fault(uint32_t cause, uint32_t pc, uint32_t address) {
  static char line[80];
  char *to = put(line, "edgeq-fault cause=");
  to = put_hex(to, cause);
  to = put(to, " pc=");
  to = put_hex(to, pc);
  to = put(to, " address=");
  to = put_hex(to, address);
  to = put(to, " step=");
  to = put_hex(to, edgeq_current_step);
  to = put(to, "\n");
  *to = '\0';
  (void)edgeq_semihost(EDGEQ_SYS_WRITE0, line);
  edgeq_exit(EDGEQ_EXIT_FAULT);
}
