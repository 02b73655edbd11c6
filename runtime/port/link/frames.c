/* COBS (Cheshire and Baker, "Consistent Overhead Byte Stuffing", 1999) and the CRC-32 of IEEE 802.3. */
#include "edgeq_frames.h"

#include "edgeq_serial.h"

#define LONGEST_BLOCK 254u
/* What the CRC register holds after data and their own CRC, whatever the data. */
#define CRC_RESIDUE 0xDEBB20E3u

/* By half bytes: a table of 64 bytes, fast enough between two bytes of a UART. */
static uint32_t crc_of(uint32_t crc, uint8_t byte) {
  static const uint32_t table[16] = {
      0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u, 0x4DB26158u, 0x5005713Cu,
      0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu, 0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu,
  };
  crc ^= byte;
  crc = (crc >> 4) ^ table[crc & 15u];
  return (crc >> 4) ^ table[crc & 15u];
}

static void put(edgeq_frames_t *frames, uint8_t byte) {
  if (frames->count < EDGEQ_LINK_FRAME_BYTES) {
    /* The register starts as all ones; kept inverted, so that a zeroed structure is ready. */
    frames->crc = ~crc_of(~frames->crc, byte);
    frames->bytes[frames->count] = byte;
  }
  if (frames->count <= EDGEQ_LINK_FRAME_BYTES) {
    frames->count++;
  }
}

uint32_t edgeq_frames_are_open(const edgeq_frames_t *frames) {
  return frames->count | frames->left | frames->zero;
}

void edgeq_frames_drop(edgeq_frames_t *frames) {
  frames->count = 0;
  frames->crc = 0;
  frames->left = 0;
  frames->zero = 0;
}

static int32_t end_of_frame(const edgeq_frames_t *frames) {
  if (edgeq_frames_are_open(frames) == 0u) {
    return EDGEQ_FRAME_NONE;
  }
  if (frames->left != 0u || frames->count > EDGEQ_LINK_FRAME_BYTES ||
      frames->count < EDGEQ_FRAME_HEADER_BYTES + EDGEQ_FRAME_CRC_BYTES || ~frames->crc != CRC_RESIDUE) {
    return EDGEQ_FRAME_GARBLED;
  }
  return (int32_t)(frames->count - EDGEQ_FRAME_CRC_BYTES);
}

int32_t edgeq_frames_take(edgeq_frames_t *frames, uint8_t byte) {
  if (byte == 0u) {
    const int32_t result = end_of_frame(frames);
    edgeq_frames_drop(frames);
    return result;
  }
  if (frames->left != 0u) {
    frames->left--;
    put(frames, byte);
    return EDGEQ_FRAME_NONE;
  }
  if (frames->zero != 0u) {
    put(frames, 0);
  }
  frames->left = (uint8_t)(byte - 1u);
  frames->zero = (byte <= LONGEST_BLOCK);
  return EDGEQ_FRAME_NONE;
}

void edgeq_frames_send(edgeq_frames_t *frames, uint32_t size) {
  uint8_t *bytes = frames->bytes;
  uint32_t crc = 0xFFFFFFFFu;
  uint32_t at = 0;
  for (uint32_t i = 0; i < size; i++) {
    crc = crc_of(crc, bytes[i]);
  }
  for (uint32_t i = 0; i < EDGEQ_FRAME_CRC_BYTES; i++) {
    bytes[size + i] = (uint8_t)(~crc >> (8u * i));
  }
  size += EDGEQ_FRAME_CRC_BYTES;
  edgeq_frames_drop(frames);
  edgeq_serial_write(0);
  for (;;) {
    uint32_t run = 0;
    while (at + run < size && bytes[at + run] != 0u && run < LONGEST_BLOCK) {
      run++;
    }
    edgeq_serial_write((uint8_t)(run + 1u));
    for (uint32_t i = 0; i < run; i++) {
      edgeq_serial_write(bytes[at + i]);
    }
    at += run;
    if (at == size) {
      break;
    }
    if (run < LONGEST_BLOCK) {
      at++; /* the zero that the end of the block stands for */
    }
  }
  edgeq_serial_write(0);
}
