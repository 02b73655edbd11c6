/* What the public functions of a generated model return. */
#ifndef EDGEQ_STATUS_H
#define EDGEQ_STATUS_H

/* One list makes the codes and their names, so that the two cannot disagree. */
#define EDGEQ_STATUS_LIST(X)                                           \
  X(EDGEQ_OK, 0, "ok")                                                 \
  X(EDGEQ_NULL_POINTER, 1, "a required pointer is null")               \
  X(EDGEQ_ARENA_TOO_SMALL, 2, "the arena is smaller than required")    \
  X(EDGEQ_ARENA_MISALIGNED, 3, "the arena is not aligned as required") \
  X(EDGEQ_STATE_TOO_SMALL, 4, "the state is smaller than required")    \
  X(EDGEQ_STATE_MISALIGNED, 5, "the state is not aligned as required")

#define EDGEQ_STATUS_CODE(code, number, text) code = (number),
typedef enum { EDGEQ_STATUS_LIST(EDGEQ_STATUS_CODE) EDGEQ_STATUS_END } edgeq_status;
#undef EDGEQ_STATUS_CODE

#endif
