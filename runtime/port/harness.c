/* The loop over samples. It knows the file formats of edgeq_harness.h and nothing of any processor. */
#include "edgeq_harness.h"

#include <string.h>

volatile uint32_t edgeq_current_step = EDGEQ_NO_STEP;

/* While the first sample runs, and while the harness measures itself, differences are kept. */
static enum { PLAIN, MEASURED, CALIBRATING } phase;
static int32_t trace_file = -1;

static void trace_step(uint32_t step) {
  const edgeq_harness_t *h = &edgeq_harness;
  for (uint32_t i = 0; i < h->region_count; i++) {
    const edgeq_region_t *region = &h->regions[i];
    if (region->step == step) {
      const uint8_t *block = (region->in_state != 0u) ? h->state : h->arena;
      (void)edgeq_port_write(trace_file, block + region->offset, region->bytes);
    }
  }
}

void edgeq_harness_step(uint32_t step, uint32_t elapsed) {
  if (phase != PLAIN) {
    edgeq_harness.counts[step] = elapsed;
  }
  if (phase != CALIBRATING) {
    edgeq_current_step = step;
    if (trace_file >= 0 && step > 0u) {
      trace_step(step - 1u);
    }
  }
}

void edgeq_harness_run_end(uint32_t elapsed) {
  uint32_t last = 0;
#ifdef EDGEQ_PROFILE
  last = (phase == CALIBRATING) ? 2u : edgeq_harness.step_count + 1u;
#endif
  edgeq_harness.counts[last] = elapsed;
}

/* Reads all inputs of one sample. Returns 1, 0 at the end of the file, or -1 for half a sample. */
static int read_sample(int32_t file) {
  const edgeq_harness_t *h = &edgeq_harness;
  for (uint32_t i = 0; i < h->input_count; i++) {
    const uint32_t wanted = h->input_bytes[i];
    const uint32_t got = edgeq_port_read(file, h->input(i), wanted);
    if (got != wanted) {
      return (i == 0u && got == 0u) ? 0 : -1;
    }
  }
  return 1;
}

static uint32_t run_sample(int32_t output, uint32_t first) {
  const edgeq_harness_t *h = &edgeq_harness;
  phase = first ? MEASURED : PLAIN;
  const uint32_t status = edgeq_port_run(first);
  phase = PLAIN;
  edgeq_current_step = EDGEQ_NO_STEP;
  if (status != 0u) {
    return EDGEQ_EXIT_RUN + status;
  }
  for (uint32_t i = 0; i < h->output_count; i++) {
    if (edgeq_port_write(output, h->output(i), h->output_bytes[i]) != 0u) {
      return EDGEQ_EXIT_FILE;
    }
  }
  return edgeq_port_check_guard() == 0u ? EDGEQ_EXIT_OK : EDGEQ_EXIT_CANARY;
}

static void calibrate(edgeq_report_t *report) {
  phase = CALIBRATING;
  edgeq_port_calibrate(); /* fills the caches of a core that has some */
  edgeq_port_calibrate();
  phase = PLAIN;
  memcpy(report->calibration, edgeq_harness.counts, sizeof report->calibration);
}

static void write_report(edgeq_report_t *report) {
  const int32_t file = edgeq_port_open("edgeq_report.bin", EDGEQ_WRITE);
  report->magic = EDGEQ_REPORT_MAGIC;
  report->stack_bytes = edgeq_port_stack_bytes();
  report->segments = 1;
#ifdef EDGEQ_PROFILE
  report->profiled = 1;
  report->segments = edgeq_harness.step_count + 2u;
#endif
  (void)edgeq_port_write(file, report, sizeof *report);
  (void)edgeq_port_write(file, edgeq_harness.counts, report->segments * (uint32_t)sizeof(uint32_t));
  edgeq_port_close(file);
}

uint32_t edgeq_harness_main(void) {
  const edgeq_harness_t *h = &edgeq_harness;
  static edgeq_report_t report;
  uint32_t header[2] = {0, 0};
  uint32_t result;
  const int32_t input = edgeq_port_open("edgeq_input.bin", EDGEQ_READ);
  const int32_t output = edgeq_port_open("edgeq_output.bin", EDGEQ_WRITE);
  if (input < 0 || output < 0 || edgeq_port_read(input, header, sizeof header) != sizeof header ||
      header[0] != EDGEQ_INPUT_MAGIC) {
    return EDGEQ_EXIT_FILE;
  }
  /* A model that reads what it never wrote must not be lucky enough to find zeros. */
  memset(h->arena, 0xA5, h->arena_bytes);
  edgeq_port_guard();
  result = h->init();
  if (result != 0u) {
    return EDGEQ_EXIT_INIT + result;
  }
  if ((header[1] & EDGEQ_FLAG_CALIBRATE) != 0u) {
    calibrate(&report);
  }
  if ((header[1] & EDGEQ_FLAG_TRACE) != 0u) {
    trace_file = edgeq_port_open("edgeq_trace.bin", EDGEQ_WRITE);
  }
  for (uint32_t first = 1; result == EDGEQ_EXIT_OK; first = 0) {
    const int got = read_sample(input);
    if (got <= 0) {
      result = (got == 0) ? EDGEQ_EXIT_OK : EDGEQ_EXIT_FILE;
      break;
    }
    result = run_sample(output, first);
  }
  edgeq_port_close(output);
  if (trace_file >= 0) {
    edgeq_port_close(trace_file);
  }
  write_report(&report);
  return result;
}
