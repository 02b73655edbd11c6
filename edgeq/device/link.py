"""Requests over a line that may lose, change, delay or invent bytes. Every wait has an end.

A request is sent again, with the same sequence number, until its answer comes; a device does nothing twice. So an
answer that `Link` returns belongs to its request, whatever happened on the way.
"""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Sequence
from typing import Protocol

from edgeq.device.protocol import (
    ANSWER,
    MAX_FRAME_BYTES,
    Decoder,
    Frame,
    Hello,
    Noise,
    Op,
    Space,
    Status,
    encode,
    parse_hello,
)
from edgeq.errors import DeviceError, DeviceResetError, GarbledLinkError, NoAnswerError

RETRY = 0.4
"""Seconds before a request is sent again; every further wait is half as long again."""
PATIENCE = 5.0
"""Seconds of silence, or of noise, before a request is given up."""
RUN_PATIENCE = 60.0
"""The same while a model runs; each sign that it still runs starts it anew."""

_WORDS = {
    Status.UNKNOWN: "does not know the request",
    Status.NO_MODEL: "has no model of that index",
    Status.MALFORMED: "found the request too short",
    Status.RANGE: "refused to read or write beyond an end",
    Status.NOT_LOADED: "has no inputs for the run",
    Status.NO_RESULT: "has no result to read",
    Status.NOT_STOPPED: "has no stopped run",
    Status.NO_STEPS: "was built without the step hook",
}


class Stream(Protocol):
    """A line to a device."""

    def read(self, seconds: float) -> bytes:
        """What came, at least a byte if there is one within `seconds`. LinkLostError when the line is gone."""
        ...

    def write(self, data: bytes) -> None:
        """LinkLostError when the line is gone or takes nothing."""
        ...

    def close(self) -> None:
        """Ends it."""
        ...


class Link:
    """Requests to one device, one at a time. where: the port, for messages. byte_seconds: how long the line takes for
    a byte, so that a slow one gets more time; 0 when it is as fast as the computer."""

    def __init__(
        self,
        stream: Stream,
        where: str,
        *,
        byte_seconds: float = 0.0,
        retry: float = RETRY,
        patience: float = PATIENCE,
        run_patience: float = RUN_PATIENCE,
    ) -> None:
        self.where = where
        self.retries = 0
        """How often a request was sent again."""
        self._stream = stream
        self._byte_seconds = byte_seconds
        self._retry, self._patience, self._run_patience = retry, patience, run_patience
        self._decoder = Decoder()
        self._seq = random.randrange(1 << 16)
        self._run_seq = -1
        self._hello: Hello | None = None

    def close(self) -> None:
        """Closes the line."""
        self._stream.close()

    def hello(self) -> Hello:
        """Opens a session. NoAnswerError, GarbledLinkError when nobody is there who speaks the protocol."""
        self._hello = None
        nonce = random.getrandbits(32)
        while True:
            found = parse_hello(self.request(Op.HELLO, 0, struct.pack("<I", nonce)).data)
            if found.nonce == nonce:  # otherwise an answer to somebody who asked before us
                self._hello = found
                return found

    def request(self, op: Op, model: int, data: bytes = b"") -> Frame:
        """The answer with status OK. DeviceError for any other, DeviceResetError when the device started anew."""
        frame = Frame(op, model, self._next_seq(op), data)
        return self._checked(op, self._exchange([frame]))

    def read(self, model: int, space: Space, size: int, offset: int = 0) -> bytes:
        """`size` bytes of what READ reads, in as many frames as it takes."""
        assert self._hello is not None
        found = b""
        while len(found) < size:
            part = min(size - len(found), self._hello.data_bytes)
            data = struct.pack("<BBHI", space, 0, part, offset + len(found))
            answer = self.request(Op.READ, model, data).data
            if len(answer) != part:
                raise DeviceError(f"READ of {part} bytes gave {len(answer)}", where=self.where)
            found += answer
        return found

    def load(self, model: int, sample: bytes) -> None:
        """Brings all inputs of a sample, back to back, each piece answered."""
        seq = self._next_seq(Op.LOAD)
        for piece in self._pieces(Op.LOAD, model, seq, sample):
            self._checked(Op.LOAD, self._exchange([piece]))

    def infer(self, model: int, sample: bytes) -> bytes:
        """Streams the inputs of a sample, runs; uint64 ticks and the outputs, as many bytes as fit a frame."""
        seq = self._next_seq(Op.INFER)
        return self._checked(Op.INFER, self._exchange(self._pieces(Op.INFER, model, seq, sample))).data

    def _pieces(self, last: Op, model: int, seq: int, sample: bytes) -> list[Frame]:
        assert self._hello is not None
        size = self._hello.data_bytes - 4
        starts = range(0, max(len(sample), 1), size)
        ops = [Op.STREAM if last is Op.INFER else last] * (len(starts) - 1) + [last]
        return [
            Frame(op, model, seq, struct.pack("<I", start) + sample[start : start + size])
            for op, start in zip(ops, starts, strict=True)
        ]

    def _next_seq(self, op: Op) -> int:
        self._seq = (self._seq + 1) % (1 << 16)
        if self._seq == self._run_seq:  # the device would take it for a repetition
            self._seq = (self._seq + 1) % (1 << 16)
        if op in (Op.INFER, Op.RUN, Op.CONTINUE):
            self._run_seq = self._seq
        return self._seq

    def _send(self, frames: Sequence[Frame]) -> None:
        self._stream.write(b"".join(encode(frame) for frame in frames))

    def _exchange(self, frames: Sequence[Frame]) -> Frame:
        """Sends frames, of which the last is answered, until its answer is here."""
        wanted = frames[-1]
        noise = bytearray()
        spoke = False
        self._send(frames)
        now = sent = time.monotonic()
        answer = MAX_FRAME_BYTES // 64 if self._hello is None else self._hello.frame_bytes
        slack = self._byte_seconds * (sum(len(frame.data) + 16 for frame in frames) + answer)
        wait, deadline = self._retry + slack, now + self._patience + slack
        while True:
            again: Sequence[Frame] = ()
            for item in self._decoder.feed(self._stream.read(max(min(sent + wait, deadline) - now, 0.0))):
                if isinstance(item, Noise):
                    noise += item.raw
                    again = frames[-1:]
                    continue
                spoke = True
                if item.op == Op.STARTED and self._hello is not None:
                    raise self._was_reset()
                if item.op == Op.NOISE:
                    again = frames[-1:]
                elif item.op == wanted.op | ANSWER and item.seq == wanted.seq:
                    if item.second == Status.BUSY:
                        deadline = time.monotonic() + self._run_patience
                    elif item.second == Status.GAP:
                        again = self._missing(frames, item)
                    else:
                        return item
            now = time.monotonic()
            if now >= deadline:
                raise self._silence(bytes(noise) + self._decoder.rest().raw, spoke)
            if now >= sent + wait:
                again, wait = again or frames[-1:], wait * 1.5
            elif len(again) == 1 and now < sent + wait / 16:
                again = ()  # noise in many pieces is one disturbance
            if again:
                self.retries += 1
                self._send(again)
                sent = now

    def _missing(self, frames: Sequence[Frame], gap: Frame) -> Sequence[Frame]:
        """The pieces from the first on that the device does not have."""
        (there,) = struct.unpack_from("<I", gap.data.ljust(4, b"\0"))
        return [f for f in frames if struct.unpack_from("<I", f.data)[0] + len(f.data) - 4 > there] or frames[-1:]

    def _checked(self, op: Op, answer: Frame) -> Frame:
        if answer.second == Status.OK:
            return answer
        if answer.second == Status.NO_SESSION:
            raise self._was_reset()
        if answer.second == Status.FAILED:
            (code,) = struct.unpack_from("<I", answer.data.ljust(4, b"\0"))
            raise DeviceError(f"the model returned status {code}", where=self.where, hint="docs/c-api.md lists them")
        words = {int(status): text for status, text in _WORDS.items()}
        said = words.get(answer.second, f"answered with status {answer.second}")
        raise DeviceError(f"the board {said} ({op.name})", where=self.where)

    def _was_reset(self) -> DeviceResetError:
        return DeviceResetError(
            "the board started anew in the middle of a session",
            where=self.where,
            hint="a reset button, a brown-out, a watchdog, or a trap: a stack that is too small ends so too",
        )

    def _silence(self, noise: bytes, spoke: bool) -> NoAnswerError | GarbledLinkError:
        if spoke or not noise:
            what = "stopped answering" if self._hello is not None else "does not answer"
            return NoAnswerError(
                f"the board {what}",
                where=self.where,
                hint="is it powered, is it this port, is the firmware of `edgeq flash` on it? Press its reset button",
            )
        if sum(32 <= byte < 127 or byte in b"\r\n\t" for byte in noise) > 0.9 * len(noise):
            said = " ".join(noise.decode("ascii", errors="replace").split())[:60]
            problem, hint = (
                f"the board writes text instead of frames: {said!r}",
                "another firmware runs on it: flash it",
            )
        else:
            problem = f"bytes come from the board, but no frames ({noise[:8].hex(' ')} ...)"
            hint = "the baud rate of --baud must be the firmware's; or another firmware runs on it"
        return GarbledLinkError(problem, where=self.where, hint=hint)
