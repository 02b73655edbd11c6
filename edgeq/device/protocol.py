"""The device link, byte by byte: frames, requests, answers. docs/device.md is the specification.

The numbers are those of runtime/port/link/edgeq_link.h; a test compares the two.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Any

from edgeq.errors import DeviceError, PortError

VERSION = 1
ANSWER = 0x80
"""Added to a request's number in its answer."""
ALL_STEPS = 0xFFFFFFFF
ABOUT_BYTES = 56
HEADER_BYTES, CRC_BYTES = 4, 4
MIN_FRAME_BYTES, MAX_FRAME_BYTES = 64, 65535


class Op(IntEnum):
    """What a request asks for, and the two notices that a device sends by itself."""

    HELLO = 0x01
    LOAD = 0x02
    STREAM = 0x03
    INFER = 0x04
    RUN = 0x05
    CONTINUE = 0x06
    READ = 0x07
    PAINT = 0x08
    RESET = 0x09
    STARTED = 0xFE
    NOISE = 0xFF


class Status(IntEnum):
    """What became of a request."""

    OK = 0
    BUSY = 1
    NO_SESSION = 2
    UNKNOWN = 3
    NO_MODEL = 4
    MALFORMED = 5
    RANGE = 6
    GAP = 7
    NOT_LOADED = 8
    NO_RESULT = 9
    NOT_STOPPED = 10
    NO_STEPS = 11
    FAILED = 12


class Space(IntEnum):
    """What READ reads."""

    OUTPUT = 0
    ARENA = 1
    TICKS = 2
    MARKS = 3
    MODEL = 4
    STATE = 5


class Flag(IntEnum):
    """Bits of a hello's flags."""

    HAS_STEPS = 1
    HAS_STACK = 2


@dataclass(frozen=True)
class Frame:
    """One packet. second: the model's index in a request, the status in an answer."""

    op: int
    second: int
    seq: int
    data: bytes = b""


@dataclass(frozen=True)
class Noise:
    """Bytes between two zeros that are no frame."""

    raw: bytes


@cache
def _cobs() -> Any:
    try:
        from cobs import cobs
    except ImportError as error:
        raise PortError("the Python package cobs is missing", hint="pip install 'edgeq[device]'") from error
    return cobs


def encode(frame: Frame) -> bytes:
    """The bytes of a frame on the line."""
    body = struct.pack("<BBH", frame.op, frame.second, frame.seq) + frame.data
    return b"\0" + bytes(_cobs().encode(body + struct.pack("<I", zlib.crc32(body)))) + b"\0"


def decode(piece: bytes) -> Frame | Noise:
    """What stands between two zeros."""
    try:
        body = bytes(_cobs().decode(piece))
    except _cobs().DecodeError:
        return Noise(piece)
    head, crc = body[:-CRC_BYTES], body[-CRC_BYTES:]
    if len(head) < HEADER_BYTES or struct.pack("<I", zlib.crc32(head)) != crc:
        return Noise(piece)
    op, second, seq = struct.unpack_from("<BBH", head)
    return Frame(op, second, seq, head[HEADER_BYTES:])


class Decoder:
    """Cuts a stream of bytes into frames and noise."""

    def __init__(self) -> None:
        self._piece = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame | Noise]:
        """What is complete with these bytes."""
        for byte in data:
            if byte:
                self._piece.append(byte)
            elif self._piece:
                piece = bytes(self._piece)
                self._piece.clear()
                yield decode(piece)
        if len(self._piece) > 2 * MAX_FRAME_BYTES:
            yield self.rest()

    def rest(self) -> Noise:
        """The bytes that no zero has ended, taken out."""
        piece = bytes(self._piece)
        self._piece.clear()
        return Noise(piece)


@dataclass(frozen=True)
class Hello:
    """Who a device is. frame_bytes: the largest frame it takes or sends, header and CRC included, before COBS.

    clock_hz: of its processor, 0 when not known. ticks_hz: of its ticks.
    """

    version: int
    models: int
    frame_bytes: int
    nonce: int
    abi: int
    clock_hz: int
    ticks_hz: int
    flags: int
    board: str

    @property
    def has_steps(self) -> bool:
        """Whether steps have ticks and runs can stop after one."""
        return bool(self.flags & Flag.HAS_STEPS)

    @property
    def has_stack(self) -> bool:
        """Whether the use of the stack is measured."""
        return bool(self.flags & Flag.HAS_STACK)

    @property
    def data_bytes(self) -> int:
        """Bytes of data in its largest frame."""
        return self.frame_bytes - HEADER_BYTES - CRC_BYTES


def parse_hello(data: bytes) -> Hello:
    """DeviceError when the data are too short or make no sense."""
    if len(data) < 24:
        raise DeviceError(f"the answer to HELLO has {len(data)} bytes of data, it needs 24")
    version, models, frame_bytes, nonce, abi, clock, ticks, flags = struct.unpack_from("<BBHIIIII", data)
    board = data[24:].decode(errors="replace")
    hello = Hello(version, models, frame_bytes, nonce, abi, clock, ticks, flags, board)
    if hello.frame_bytes < MIN_FRAME_BYTES or hello.ticks_hz == 0:
        raise DeviceError(f"the answer to HELLO makes no sense: {hello}")
    return hello


@dataclass(frozen=True)
class About:
    """One model of a device. sha256: of its folder (`model_hash`). The *_bytes are those of all inputs, all outputs."""

    sha256: bytes
    arena_bytes: int
    input_bytes: int
    output_bytes: int
    state_bytes: int
    steps: int
    name: str


def pack_about(about: About) -> bytes:
    """As READ of Space.MODEL gives it."""
    name = about.name.encode()
    numbers = (about.arena_bytes, about.input_bytes, about.output_bytes, about.state_bytes, about.steps, len(name))
    return about.sha256 + struct.pack("<6I", *numbers) + name


def parse_about(data: bytes) -> tuple[About, int]:
    """The first ABOUT_BYTES, and how many bytes of name follow them."""
    arena, inputs, outputs, state, steps, name_bytes = struct.unpack_from("<6I", data, 32)
    return About(data[:32], arena, inputs, outputs, state, steps, ""), name_bytes


@dataclass(frozen=True)
class Marks:
    """High-water marks in bytes. stack_bytes: used by the last run, of stack_limit; 0 of 0 where it is not measured.

    arena_used: up to the last byte of the arena that is not as PAINT left it.
    """

    stack_bytes: int
    stack_limit: int
    arena_used: int
    arena_bytes: int


def parse_marks(data: bytes) -> Marks:
    """`data` has 16 bytes."""
    return Marks(*struct.unpack("<4I", data))
