/* From reset to main: fills memory as C expects it. <arch>.S calls edgeq_device_start. */
#include <stdint.h>

/* From link.ld.in. */
extern uint32_t edgeq_data_start[], edgeq_data_end[], edgeq_data_image[];
extern uint32_t edgeq_bss_start[], edgeq_bss_end[];

int main(void);
void edgeq_device_start(void) __attribute__((noreturn));

void edgeq_device_start(void) {
  const uint32_t *image = edgeq_data_image;
  for (uint32_t *to = edgeq_data_start; to != edgeq_data_end; to++) {
    *to = *image++;
  }
  for (uint32_t *to = edgeq_bss_start; to != edgeq_bss_end; to++) {
    *to = 0;
  }
  for (;;) {
    (void)main();
  }
}
