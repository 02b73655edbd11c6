/* The device link: what the firmware answers to a host over its serial port. docs/device.md is the specification; the
 * numbers below are mirrored by edgeq/device/protocol.py, and a test compares the two.
 *
 * One frame buffer, no malloc, no interrupts: the link reads the port while no model runs. Multi-byte numbers are
 * little-endian; so must the processor be. */
#ifndef EDGEQ_LINK_H
#define EDGEQ_LINK_H

#include <stdint.h>

#define EDGEQ_LINK_VERSION 1u

/* Requests. An answer has the request's number plus EDGEQ_LINK_ANSWER. */
#define EDGEQ_LINK_HELLO 0x01u    /* opens a session; who is there? */
#define EDGEQ_LINK_LOAD 0x02u     /* a piece of the inputs, answered */
#define EDGEQ_LINK_STREAM 0x03u   /* a piece of the inputs, never answered */
#define EDGEQ_LINK_INFER 0x04u    /* the last piece of the inputs; then run, and send the outputs */
#define EDGEQ_LINK_RUN 0x05u      /* run, or run up to a step */
#define EDGEQ_LINK_CONTINUE 0x06u /* go on with a run that was stopped after a step */
#define EDGEQ_LINK_READ 0x07u     /* outputs, ticks, marks, ... */
#define EDGEQ_LINK_PAINT 0x08u    /* fill the arena, so that its use can be seen */
#define EDGEQ_LINK_RESET 0x09u    /* forget what the model remembers of earlier runs */
#define EDGEQ_LINK_ANSWER 0x80u
#define EDGEQ_LINK_STARTED 0xFEu /* notice: the firmware has just started; data as in the answer to HELLO */
#define EDGEQ_LINK_NOISE 0xFFu   /* notice: a damaged frame came */

/* Status of an answer. */
#define EDGEQ_LINK_OK 0u
#define EDGEQ_LINK_BUSY 1u         /* not the answer yet: the model runs */
#define EDGEQ_LINK_NO_SESSION 2u   /* no HELLO since the firmware started */
#define EDGEQ_LINK_UNKNOWN 3u      /* no such request */
#define EDGEQ_LINK_NO_MODEL 4u     /* no model of that index */
#define EDGEQ_LINK_MALFORMED 5u    /* the data of the request are too short */
#define EDGEQ_LINK_RANGE 6u        /* beyond the end of what is read or written, or of a frame */
#define EDGEQ_LINK_GAP 7u          /* pieces of the inputs are missing; data: uint32 bytes that are there */
#define EDGEQ_LINK_NOT_LOADED 8u   /* RUN without inputs since the last run */
#define EDGEQ_LINK_NO_RESULT 9u    /* nothing to read: no run has ended, or it was left */
#define EDGEQ_LINK_NOT_STOPPED 10u /* CONTINUE without a stopped run */
#define EDGEQ_LINK_NO_STEPS 11u    /* the firmware was built without the step hook */
#define EDGEQ_LINK_FAILED 12u      /* <m>_run returned an error; data: uint32 edgeq_status */

/* What READ reads. */
#define EDGEQ_LINK_OUTPUT 0u /* the outputs, back to back */
#define EDGEQ_LINK_ARENA 1u  /* the arena, by offset: what a step wrote */
#define EDGEQ_LINK_TICKS 2u  /* uint64: of the whole run, then of every step */
#define EDGEQ_LINK_MARKS 3u  /* uint32: stack used, stack there, arena used, arena there, in bytes */
#define EDGEQ_LINK_MODEL 4u  /* the model's `about` */
#define EDGEQ_LINK_STATE 5u  /* the state, by offset: what a step remembers */

/* Flags of HELLO. */
#define EDGEQ_LINK_HAS_STEPS 1u /* steps have ticks, and runs can be stopped */
#define EDGEQ_LINK_HAS_STACK 2u /* the use of the stack is measured */

#define EDGEQ_LINK_ALL_STEPS 0xFFFFFFFFu /* RUN and CONTINUE: do not stop */
#define EDGEQ_LINK_ABOUT_BYTES 56u       /* of `about`, before the name */

/* One model of the firmware. The functions are those of the generated C, bound to one instance. */
typedef struct {
  /* SHA-256 of the model's folder (32 bytes); uint32: bytes of arena, inputs, outputs, state; steps; bytes of the name;
   * the name */
  const uint8_t *about;
  uint32_t about_bytes;
  uint8_t *arena;
  uint32_t arena_bytes;
  const uint8_t *state; /* NULL for a model without */
  uint32_t state_bytes;
  uint32_t input_count;
  uint32_t output_count;
  uint32_t step_count;
  const uint32_t *input_bytes;  /* [input_count] */
  const uint32_t *output_bytes; /* [output_count] */
  uint64_t *ticks;              /* [1], with EDGEQ_PROFILE [1 + step_count]; written by the link */
  uint32_t (*init)(void);       /* <m>_init; returns the status */
  uint32_t (*run)(void);        /* <m>_run; returns the status */
  uint32_t (*reset)(void);      /* <m>_reset; NULL for a model without state */
  void *(*input)(uint32_t index);
  const void *(*output)(uint32_t index);
} edgeq_link_model_t;

/* The firmware. Rendered from codegen/mains/device.c.j2. */
typedef struct {
  const char *board; /* at most 32 characters */
  uint32_t abi;
  uint32_t clock_hz; /* of the processor; 0 when not known */
  uint32_t ticks_hz; /* of edgeq_ticks */
  uint32_t model_count;
  const edgeq_link_model_t *models; /* [model_count] */
} edgeq_link_device_t;

/* Starts the serial port, sends the notice STARTED. `device` stays in use. */
void edgeq_link_start(const edgeq_link_device_t *device);

/* Takes at most one byte from the port, and answers the request that it ends. Call it for ever. */
void edgeq_link_poll(void);

/* ---- stack.c, or host.c ---- */

/* Calls `run` and returns what it returns. *stack_bytes: the deepest use of the stack below this call. */
uint32_t edgeq_link_call(uint32_t (*run)(void), uint32_t *stack_bytes);

/* Bytes that the stack may take; 0 when its use is not measured. */
uint32_t edgeq_link_stack_size(void);

#endif
