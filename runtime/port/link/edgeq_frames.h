/* Frames: packets of bytes over a line that may lose, change or invent some. docs/device.md is the specification.
 *
 * On the line a frame is a zero, then header, data and CRC-32 without any zero (COBS), then a zero. So a receiver finds
 * the next frame after whatever garbage, and a frame counts only when its CRC is right. */
#ifndef EDGEQ_FRAMES_H
#define EDGEQ_FRAMES_H

#include <stdint.h>

/* Bytes of the largest frame, CRC included, before COBS: what the one buffer takes. At least 64. */
#ifndef EDGEQ_LINK_FRAME_BYTES
#define EDGEQ_LINK_FRAME_BYTES 256
#endif

#define EDGEQ_FRAME_HEADER_BYTES 4u
#define EDGEQ_FRAME_CRC_BYTES 4u
/* Bytes of data that fit beside header and CRC. */
#define EDGEQ_FRAME_DATA_BYTES (EDGEQ_LINK_FRAME_BYTES - EDGEQ_FRAME_HEADER_BYTES - EDGEQ_FRAME_CRC_BYTES)

typedef char edgeq_assert_frame_bytes[EDGEQ_LINK_FRAME_BYTES >= 64 ? 1 : -1];

/* One buffer for both directions: a received frame stays in `bytes` until the next byte is taken or a frame is sent.
 * All zero is a valid start. */
typedef struct {
  uint8_t bytes[EDGEQ_LINK_FRAME_BYTES]; /* header, data, CRC */
  uint32_t count;                        /* decoded bytes so far; beyond the buffer when the frame is too long */
  uint32_t crc;                          /* of the decoded bytes, inverted */
  uint8_t left;                          /* bytes until the next COBS code */
  uint8_t zero;                          /* a zero is due before the next block */
} edgeq_frames_t;

#define EDGEQ_FRAME_NONE 0
#define EDGEQ_FRAME_GARBLED (-1)

/* Takes a received byte. Returns the bytes of header and data when it ended a whole frame, EDGEQ_FRAME_GARBLED when it
 * ended a damaged one, EDGEQ_FRAME_NONE otherwise. */
int32_t edgeq_frames_take(edgeq_frames_t *frames, uint8_t byte);

/* Whether a frame has begun and not ended. */
uint32_t edgeq_frames_are_open(const edgeq_frames_t *frames);

/* Forgets the frame that has begun. */
void edgeq_frames_drop(edgeq_frames_t *frames);

/* Sends the first `size` bytes of `bytes` (header and data, at most EDGEQ_LINK_FRAME_BYTES - 4) with their CRC, by
 * edgeq_serial_write. A frame that has begun to come in is lost. */
void edgeq_frames_send(edgeq_frames_t *frames, uint32_t size);

#endif
