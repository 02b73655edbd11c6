/* The port for the computer that edgeq itself runs on: files through stdio, no counter, no guard
 * (-fsanitize=address watches the arena there). */
#include <stdio.h>

#include "edgeq_harness.h"

/* Handles are indices into this table; the harness has at most four files open. */
static FILE *files[4];

int32_t edgeq_port_open(const char *name, edgeq_mode mode) {
  for (int32_t i = 0; i < 4; i++) {
    if (files[i] == NULL) {
      files[i] = fopen(name, mode == EDGEQ_READ ? "rb" : "wb");
      return files[i] != NULL ? i : -1;
    }
  }
  return -1;
}

uint32_t edgeq_port_read(int32_t file, void *data, uint32_t bytes) {
  return (uint32_t)fread(data, 1, bytes, files[file]);
}

uint32_t edgeq_port_write(int32_t file, const void *data, uint32_t bytes) {
  return fwrite(data, 1, bytes, files[file]) == bytes ? 0u : 1u;
}

void edgeq_port_close(int32_t file) {
  (void)fclose(files[file]);
  files[file] = NULL;
}

uint32_t edgeq_port_run(uint32_t measure) {
  (void)measure;
  return edgeq_harness.run();
}

void edgeq_port_calibrate(void) {}

void edgeq_port_guard(void) {}

uint32_t edgeq_port_check_guard(void) {
  return 0;
}

uint32_t edgeq_port_stack_bytes(void) {
  return 0;
}

#ifdef EDGEQ_PROFILE
void edgeq_on_step(uint32_t step);

void edgeq_on_step(uint32_t step) {
  edgeq_harness_step(step, 0);
}
#endif

int main(void) {
  return (int)edgeq_harness_main();
}
