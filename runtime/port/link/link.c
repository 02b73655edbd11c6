/* Requests and answers. Everything that a damaged, repeated or foreign frame could spoil is checked here: a run needs
 * all its inputs, from one sequence number, since the last run; a request that was answered is not done twice. */
#include "edgeq_link.h"

#include <string.h>

#include "edgeq_frames.h"
#include "edgeq_serial.h"

/* A frame that stands still for so long is dropped, so that its rest does not spoil the next. */
#define GAP_TICKS ((uint64_t)EDGEQ_TICKS_HZ)
/* A stopped run goes on when the host is silent for so long. */
#define STOP_TICKS ((uint64_t)EDGEQ_TICKS_HZ * 20u)
/* How often a run says that it is still running, where it has steps. */
#define BUSY_TICKS ((uint64_t)EDGEQ_TICKS_HZ / 2u)
#define NO_MODEL 0xFFu

typedef struct {
  uint8_t op;
  uint8_t model;
  uint16_t seq;
  const uint8_t *data;
  uint32_t size; /* of data */
} request_t;

static struct {
  const edgeq_link_device_t *device;
  edgeq_frames_t frames;
  uint64_t quiet_since; /* when the line fell silent in the middle of a frame; 0: it did not */
  uint32_t pending;     /* size of a frame in the buffer that is still to be answered */
  uint8_t open;         /* HELLO came */
  /* inputs */
  uint8_t load_model;
  uint16_t load_seq;
  uint32_t loaded; /* bytes, without a gap */
  /* the run that is under way, or was the last */
  uint8_t ran; /* its request can be repeated */
  uint8_t run_op;
  uint8_t run_model;
  uint16_t run_seq;
  uint8_t result; /* it ended, so that there is something to read */
  uint8_t left;   /* it was stopped, and another request came */
  uint32_t code;  /* edgeq_status */
  uint32_t stop_after;
  uint64_t mark;   /* when the segment between two hooks began */
  uint64_t spent;  /* ticks in segments */
  uint64_t told;   /* when BUSY was last sent */
  uint64_t latest; /* the highest that the tick counter was */
  uint32_t stack_bytes;
  uint8_t pattern; /* of PAINT */
} link;

/* Ticks until now. A counter that an emulator lets go back for a moment counts as standing still. */
static uint64_t ticks(void) {
  const uint64_t now = edgeq_ticks();
  if (now > link.latest) {
    link.latest = now;
  }
  return link.latest;
}

static uint32_t get32(const uint8_t *from) {
  return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static uint8_t *answer_data(void) {
  return link.frames.bytes + EDGEQ_FRAME_HEADER_BYTES;
}

static uint32_t put32(uint32_t at, uint32_t value) {
  for (uint32_t i = 0; i < 4u; i++) {
    answer_data()[at + i] = (uint8_t)(value >> (8u * i));
  }
  return at + 4u;
}

/* The data are in the frame already. */
static void answer(uint8_t op, uint8_t status, uint16_t seq, uint32_t size) {
  uint8_t *header = link.frames.bytes;
  header[0] = (uint8_t)(op | EDGEQ_LINK_ANSWER);
  header[1] = status;
  header[2] = (uint8_t)seq;
  header[3] = (uint8_t)(seq >> 8);
  edgeq_frames_send(&link.frames, EDGEQ_FRAME_HEADER_BYTES + size);
}

static void introduce(uint8_t op, uint16_t seq, uint32_t nonce) {
  const edgeq_link_device_t *device = link.device;
  uint32_t flags = 0;
  uint32_t size;
#ifdef EDGEQ_PROFILE
  flags |= EDGEQ_LINK_HAS_STEPS;
#endif
  flags |= edgeq_link_stack_size() != 0u ? EDGEQ_LINK_HAS_STACK : 0u;
  size = put32(0, EDGEQ_LINK_VERSION | device->model_count << 8 | (uint32_t)EDGEQ_LINK_FRAME_BYTES << 16);
  size = put32(size, nonce);
  size = put32(size, device->abi);
  size = put32(size, device->clock_hz);
  size = put32(size, device->ticks_hz);
  size = put32(size, flags);
  for (const char *name = device->board; *name != '\0' && size < EDGEQ_FRAME_DATA_BYTES; name++) {
    answer_data()[size++] = (uint8_t)*name;
  }
  answer(op, EDGEQ_LINK_OK, seq, size);
}

static void hello(const request_t *request) {
  if (request->size < 4u) {
    answer(request->op, EDGEQ_LINK_MALFORMED, request->seq, 0);
    return;
  }
  link.open = 1;
  link.ran = 0;
  link.load_model = NO_MODEL;
  introduce(request->op, request->seq, get32(request->data));
}

static uint32_t sum(const uint32_t *sizes, uint32_t count) {
  uint32_t total = 0;
  for (uint32_t i = 0; i < count; i++) {
    total += sizes[i];
  }
  return total;
}

/* Copies between a frame and the inputs or outputs of a model, whose tensors count as one piece. */
static void copy(const edgeq_link_model_t *model, uint32_t is_input, uint32_t offset, uint8_t *frame, uint32_t bytes) {
  const uint32_t count = is_input ? model->input_count : model->output_count;
  const uint32_t *sizes = is_input ? model->input_bytes : model->output_bytes;
  for (uint32_t i = 0; i < count && bytes != 0u; i++) {
    if (offset >= sizes[i]) {
      offset -= sizes[i];
      continue;
    }
    const uint32_t part = bytes < sizes[i] - offset ? bytes : sizes[i] - offset;
    if (is_input) {
      memcpy((uint8_t *)model->input(i) + offset, frame, part);
    } else {
      memcpy(frame, (const uint8_t *)model->output(i) + offset, part);
    }
    frame += part;
    bytes -= part;
    offset = 0;
  }
}

/* uint32 offset, then a piece of the inputs. Pieces follow one another under one sequence number, from offset 0 on. */
static uint8_t load(const request_t *request) {
  const edgeq_link_model_t *model = &link.device->models[request->model];
  const uint32_t total = sum(model->input_bytes, model->input_count);
  uint32_t offset, bytes;
  if (request->size < 4u) {
    return EDGEQ_LINK_MALFORMED;
  }
  offset = get32(request->data);
  bytes = request->size - 4u;
  if (offset > total || bytes > total - offset) {
    return EDGEQ_LINK_RANGE;
  }
  if (offset == 0u || link.load_model != request->model || link.load_seq != request->seq) {
    link.load_model = request->model;
    link.load_seq = request->seq;
    link.loaded = 0;
    link.result = 0;
  }
  if (offset > link.loaded) {
    return EDGEQ_LINK_GAP;
  }
  if (offset + bytes > link.loaded) { /* otherwise a repetition of what is there */
    copy(model, 1, offset, answer_data() + 4, bytes);
    link.loaded = offset + bytes;
  }
  return EDGEQ_LINK_OK;
}

static uint32_t is_loaded(uint8_t index) {
  const edgeq_link_model_t *model = &link.device->models[index];
  return link.load_model == index && link.loaded == sum(model->input_bytes, model->input_count);
}

/* uint64 ticks; after INFER also the outputs, back to back, as many bytes as fit. */
static void answer_run(void) {
  const edgeq_link_model_t *model = &link.device->models[link.run_model];
  uint32_t size;
  if (link.code != 0u) {
    answer(link.run_op, EDGEQ_LINK_FAILED, link.run_seq, put32(0, link.code));
    return;
  }
  if (link.result == 0u) { /* the arena holds something else by now */
    answer(link.run_op, EDGEQ_LINK_NO_RESULT, link.run_seq, 0);
    return;
  }
  size = put32(0, (uint32_t)model->ticks[0]);
  size = put32(size, (uint32_t)(model->ticks[0] >> 32));
  if (link.run_op == EDGEQ_LINK_INFER) {
    const uint32_t total = sum(model->output_bytes, model->output_count);
    const uint32_t room = EDGEQ_FRAME_DATA_BYTES - size;
    const uint32_t bytes = total < room ? total : room;
    copy(model, 0, 0, answer_data() + size, bytes);
    size += bytes;
  }
  answer(link.run_op, EDGEQ_LINK_OK, link.run_seq, size);
}

static void begin(const request_t *request, uint32_t stop_after) {
  link.ran = 1;
  link.run_op = request->op;
  link.run_model = request->model;
  link.run_seq = request->seq;
  link.stop_after = stop_after;
  answer(request->op, EDGEQ_LINK_BUSY, request->seq, 0);
  link.told = ticks();
}

static void run(const request_t *request, uint32_t stop_after) {
  const edgeq_link_model_t *model = &link.device->models[request->model];
  uint64_t last;
  uint32_t steps = 0;
#ifdef EDGEQ_PROFILE
  steps = model->step_count;
#endif
  memset(model->ticks, 0, (steps + 1u) * sizeof model->ticks[0]);
  link.load_model = NO_MODEL; /* a run may write over its inputs */
  link.result = 0;
  link.left = 0;
  link.code = 0;
  link.spent = 0;
  begin(request, stop_after);
  link.mark = ticks();
  link.code = edgeq_link_call(model->run, &link.stack_bytes);
  last = ticks() - link.mark;
  model->ticks[steps] += last;
  link.spent += last;
  model->ticks[0] = link.spent;
  link.result = (link.code == 0u && link.left == 0u);
  if (link.left == 0u) {
    answer_run();
  }
}

/* A request of the last run that came again, because its answer was lost on the way. */
static uint32_t is_repeated(const request_t *request) {
  return link.ran != 0u && request->op == link.run_op && request->seq == link.run_seq &&
         request->model == link.run_model;
}

/* The pieces before the last one of an INFER that was answered. */
static uint32_t is_stale(const request_t *request) {
  return link.ran != 0u && link.run_op == EDGEQ_LINK_INFER && request->seq == link.run_seq;
}

static uint32_t arena_used(const edgeq_link_model_t *model) {
  uint32_t used = model->arena_bytes;
  while (used != 0u && model->arena[used - 1u] == link.pattern) {
    used--;
  }
  return used;
}

/* uint8 what, uint8 0, uint16 bytes, uint32 offset. */
static void read(const request_t *request) {
  const edgeq_link_model_t *model = &link.device->models[request->model];
  const uint8_t *from = NULL;
  uint8_t status = EDGEQ_LINK_OK;
  uint32_t size = 0, bytes, offset;
  uint32_t marks[4];
  if (request->size < 8u) {
    answer(request->op, EDGEQ_LINK_MALFORMED, request->seq, 0);
    return;
  }
  bytes = get32(request->data) >> 16;
  offset = get32(request->data + 4);
  switch (request->data[0]) {
    case EDGEQ_LINK_OUTPUT:
      size = sum(model->output_bytes, model->output_count);
      break;
    case EDGEQ_LINK_ARENA:
      from = model->arena;
      size = model->arena_bytes;
      break;
    case EDGEQ_LINK_STATE:
      from = model->state;
      size = model->state_bytes;
      break;
    case EDGEQ_LINK_TICKS:
      from = (const uint8_t *)model->ticks;
      size = (uint32_t)sizeof model->ticks[0];
#ifdef EDGEQ_PROFILE
      size *= model->step_count + 1u;
#endif
      break;
    case EDGEQ_LINK_MARKS:
      marks[0] = link.stack_bytes;
      marks[1] = edgeq_link_stack_size();
      marks[2] = arena_used(model);
      marks[3] = model->arena_bytes;
      from = (const uint8_t *)marks;
      size = sizeof marks;
      break;
    case EDGEQ_LINK_MODEL:
      from = model->about;
      size = model->about_bytes;
      break;
    default:
      break;
  }
  if (request->data[0] != EDGEQ_LINK_MODEL && (link.result == 0u || link.run_model != request->model)) {
    status = EDGEQ_LINK_NO_RESULT;
  } else if (offset > size || bytes > size - offset || bytes > EDGEQ_FRAME_DATA_BYTES) {
    status = EDGEQ_LINK_RANGE;
  }
  if (status != EDGEQ_LINK_OK) {
    bytes = 0;
  } else if (request->data[0] == EDGEQ_LINK_OUTPUT) {
    copy(model, 0, offset, answer_data(), bytes);
  } else if (bytes != 0u) {
    memcpy(answer_data(), from + offset, bytes);
  }
  answer(request->op, status, request->seq, bytes);
}

/* The requests that load or run a model. */
static void operate(const request_t *request) {
  const edgeq_link_model_t *model = &link.device->models[request->model];
  uint32_t stop_after = EDGEQ_LINK_ALL_STEPS;
  uint8_t status = EDGEQ_LINK_OK;
  uint32_t size = 0;
  switch (request->op) {
    case EDGEQ_LINK_LOAD:
    case EDGEQ_LINK_STREAM:
    case EDGEQ_LINK_INFER:
      if (is_stale(request)) {
        return;
      }
      status = load(request);
      if (request->op == EDGEQ_LINK_INFER && status == EDGEQ_LINK_OK && !is_loaded(request->model)) {
        status = EDGEQ_LINK_GAP;
      }
      size = status == EDGEQ_LINK_GAP ? put32(0, link.loaded) : 0u;
      break;
    case EDGEQ_LINK_RUN:
      if (request->size < 4u) {
        status = EDGEQ_LINK_MALFORMED;
      } else if (!is_loaded(request->model)) {
        status = EDGEQ_LINK_NOT_LOADED;
      } else {
        stop_after = get32(request->data);
#ifndef EDGEQ_PROFILE
        status = stop_after != EDGEQ_LINK_ALL_STEPS ? EDGEQ_LINK_NO_STEPS : EDGEQ_LINK_OK;
#endif
      }
      break;
    case EDGEQ_LINK_CONTINUE:
      status = EDGEQ_LINK_NOT_STOPPED;
      break;
    case EDGEQ_LINK_PAINT:
      link.pattern = request->size != 0u ? request->data[0] : 0u;
      link.load_model = NO_MODEL;
      link.result = 0;
      link.ran = 0;
      memset(model->arena, link.pattern, model->arena_bytes);
      break;
    case EDGEQ_LINK_RESET:
      link.result = 0;
      link.ran = 0;
      link.code = model->reset != NULL ? model->reset() : 0u;
      status = link.code != 0u ? EDGEQ_LINK_FAILED : EDGEQ_LINK_OK;
      break;
    default:
      status = EDGEQ_LINK_UNKNOWN;
      break;
  }
  if (status == EDGEQ_LINK_OK && (request->op == EDGEQ_LINK_INFER || request->op == EDGEQ_LINK_RUN)) {
    run(request, stop_after);
  } else if (request->op != EDGEQ_LINK_STREAM) { /* its INFER will tell what is missing */
    answer(request->op, status, request->seq, size);
  }
}

static request_t parse(uint32_t size) {
  const uint8_t *frame = link.frames.bytes;
  request_t request;
  request.op = frame[0];
  request.model = frame[1];
  request.seq = (uint16_t)(frame[2] | (uint32_t)frame[3] << 8);
  request.data = frame + EDGEQ_FRAME_HEADER_BYTES;
  request.size = size - EDGEQ_FRAME_HEADER_BYTES;
  return request;
}

static void serve(const request_t *request) {
  if (request->op == EDGEQ_LINK_HELLO) {
    hello(request);
  } else if (link.open == 0u) {
    answer(request->op, EDGEQ_LINK_NO_SESSION, request->seq, 0);
  } else if (request->model >= link.device->model_count) {
    answer(request->op, EDGEQ_LINK_NO_MODEL, request->seq, 0);
  } else if (is_repeated(request)) {
    answer_run();
  } else if (request->op == EDGEQ_LINK_READ) {
    read(request);
  } else {
    operate(request);
  }
}

/* Takes what the port has, at most one byte. Returns the size of a frame that it ended, else 0. */
static uint32_t receive(void) {
  const int32_t byte = edgeq_serial_read();
  int32_t size;
  if (byte < 0) {
    /* Asked for even when no frame is open: a short counter must be read often. */
    const uint64_t now = ticks();
    if (edgeq_frames_are_open(&link.frames) == 0u) {
      link.quiet_since = 0;
    } else if (link.quiet_since == 0u) {
      link.quiet_since = now;
    } else if (now - link.quiet_since > GAP_TICKS) {
      edgeq_frames_drop(&link.frames);
    }
    return 0;
  }
  link.quiet_since = 0;
  size = edgeq_frames_take(&link.frames, (uint8_t)byte);
  if (size == EDGEQ_FRAME_GARBLED) {
    answer(EDGEQ_LINK_NOISE, EDGEQ_LINK_OK, 0, 0);
  }
  return size > 0 ? (uint32_t)size : 0u;
}

#ifdef EDGEQ_PROFILE
/* The run rests inside of its hook until the host goes on with it. READ works here; any other request makes the rest of
 * the run superfluous: it is done all the same, since only returning leads out, and the request waits in the buffer. */
static void rest(void) {
  uint64_t since = ticks();
  link.device->models[link.run_model].ticks[0] = link.spent;
  link.result = 1;
  answer_run();
  for (;;) {
    const uint32_t size = receive();
    if (size == 0u) {
      if (ticks() - since > STOP_TICKS) {
        link.left = 1;
        break;
      }
      continue;
    }
    const request_t request = parse(size);
    since = ticks();
    if (is_repeated(&request) || (request.op == EDGEQ_LINK_READ && request.model < link.device->model_count)) {
      serve(&request);
    } else if (request.op == EDGEQ_LINK_CONTINUE && request.model == link.run_model && request.size >= 4u) {
      begin(&request, get32(request.data));
      break;
    } else {
      link.pending = size;
      link.left = 1;
      break;
    }
  }
  link.result = 0;
}

void edgeq_on_step(uint32_t step);

void edgeq_on_step(uint32_t step) {
  const edgeq_link_model_t *model = &link.device->models[link.run_model];
  const uint64_t spent = ticks() - link.mark;
  /* The way into the first step counts as its own. */
  model->ticks[step > 1u || model->step_count == 0u ? step : 1u] += spent;
  link.spent += spent;
  if (link.left == 0u) {
    if (step != 0u && link.stop_after == step - 1u) {
      rest();
    } else if (ticks() - link.told > BUSY_TICKS) {
      answer(link.run_op, EDGEQ_LINK_BUSY, link.run_seq, 0);
      link.told = ticks();
    }
  }
  link.mark = ticks();
}
#endif

void edgeq_link_start(const edgeq_link_device_t *device) {
  link.device = device;
  link.load_model = NO_MODEL;
  edgeq_serial_init();
  for (uint32_t i = 0; i < device->model_count; i++) {
    (void)device->models[i].init();
  }
  introduce(EDGEQ_LINK_STARTED, 0, 0);
}

void edgeq_link_poll(void) {
  uint32_t size = link.pending;
  link.pending = 0;
  if (size == 0u) {
    size = receive();
  }
  if (size != 0u) {
    const request_t request = parse(size);
    serve(&request);
  }
}
