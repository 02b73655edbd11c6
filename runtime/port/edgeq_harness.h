/* The harness: a program that feeds samples to one model and records what it did.
 *
 * A rendered main (codegen/mains) fills in `edgeq_harness`; harness.c is the loop; a port (emulator/,
 * host/) supplies files, time and memory. Files are in the current directory of the process:
 *
 *   edgeq_input.bin   uint32 magic, uint32 flags; then samples, all inputs of one back to back
 *   edgeq_output.bin  all outputs of each sample, back to back
 *   edgeq_trace.bin   with EDGEQ_FLAG_TRACE: the regions of every step, back to back, per sample
 *   edgeq_report.bin  edgeq_report_t, then `segments` uint32 counter differences of the first sample
 *
 * All words are little-endian. The format is private to edgeq and has no version: the program and its
 * reader are built from the same tree. */
#ifndef EDGEQ_HARNESS_H
#define EDGEQ_HARNESS_H

#include <stdint.h>

#define EDGEQ_INPUT_MAGIC 0x4E495145u  /* "EQIN" */
#define EDGEQ_REPORT_MAGIC 0x50525145u /* "EQRP" */
#define EDGEQ_FLAG_TRACE 1u            /* write edgeq_trace.bin */
#define EDGEQ_FLAG_CALIBRATE 2u        /* measure the counter's own cost first */
#define EDGEQ_CANARY 0xC0DEC0DEu       /* fills the words around the arena */

/* Exit codes of the program; anything else is a fault of the process itself. */
#define EDGEQ_EXIT_OK 0u
#define EDGEQ_EXIT_FILE 20u   /* an input file is missing, short, or of another format */
#define EDGEQ_EXIT_CANARY 21u /* the words around the arena or under the stack changed */
#define EDGEQ_EXIT_FAULT 22u  /* the processor trapped */
#define EDGEQ_EXIT_INIT 32u   /* plus the status that <m>_init returned */
#define EDGEQ_EXIT_RUN 64u    /* plus the status that <m>_run returned */

/* Outside of <m>_run. */
#define EDGEQ_NO_STEP 0xFFFFFFFFu

/* One tensor. */
typedef struct {
  uint32_t step;     /* the step that wrote it */
  uint32_t in_state; /* 1: it lies in the model's state; 0: in the arena */
  uint32_t offset;   /* bytes from the start of that block */
  uint32_t bytes;
} edgeq_region_t;

/* The first two fields are read by <arch>/measure.S; start.c checks their place. */
typedef struct {
  void *model;         /* <m>_t */
  void (*entry)(void); /* <m>_run itself, for ports that call it from assembly */
  uint8_t *arena;
  uint32_t arena_bytes;
  const uint8_t *state; /* null when the model has none */
  uint32_t input_count;
  uint32_t output_count;
  const uint32_t *input_bytes;  /* [input_count] */
  const uint32_t *output_bytes; /* [output_count] */
  uint32_t step_count;
  uint32_t region_count;
  const edgeq_region_t *regions; /* [region_count], ordered by step */
  uint32_t *counts;              /* [step_count + 2] counter differences, written by the harness */
  uint32_t (*init)(void);        /* <m>_init with the arena; returns the status */
  uint32_t (*run)(void);         /* <m>_run; returns the status */
  void *(*input)(uint32_t index);
  const void *(*output)(uint32_t index);
} edgeq_harness_t;

extern const edgeq_harness_t edgeq_harness; /* in the rendered main */
extern volatile uint32_t edgeq_current_step;

typedef struct {
  uint32_t magic;
  uint32_t stack_bytes; /* high-water of <m>_run, 0 when the port cannot tell */
  uint32_t profiled;    /* 1 when built with EDGEQ_PROFILE */
  uint32_t segments;    /* how many counter differences follow */
  uint32_t calibration[3];
} edgeq_report_t;

/* The loop. Returns one of the exit codes. */
uint32_t edgeq_harness_main(void);

/* ---- what a port supplies ---- */

typedef enum { EDGEQ_READ = 1, EDGEQ_WRITE = 5 } edgeq_mode;

/* A handle, or a negative number. */
int32_t edgeq_port_open(const char *name, edgeq_mode mode);
/* Bytes that were read; fewer than asked for at the end of the file. */
uint32_t edgeq_port_read(int32_t file, void *data, uint32_t bytes);
/* 0 when all bytes were written. */
uint32_t edgeq_port_write(int32_t file, const void *data, uint32_t bytes);
void edgeq_port_close(int32_t file);

/* Calls <m>_run once. With measure != 0 it paints the free stack first and notes the deepest use and
 * the counter around the call. Returns the status. */
uint32_t edgeq_port_run(uint32_t measure);
/* Calls an empty model the same way, so that the cost of measuring itself is known. */
void edgeq_port_calibrate(void);
/* Fills, then checks, the words around the arena; check returns 0 when they are whole. */
void edgeq_port_guard(void);
uint32_t edgeq_port_check_guard(void);
/* Bytes of stack that the measured call used below its own entry; 0 when unknown. */
uint32_t edgeq_port_stack_bytes(void);

/* Called by the port's edgeq_on_step: `elapsed` counter ticks since the last mark. */
void edgeq_harness_step(uint32_t step, uint32_t elapsed);
/* Called by the port after the measured call. */
void edgeq_harness_run_end(uint32_t elapsed);

#endif
