"""A line that flips bits, drops and invents bytes, repeats pieces and holds them back; by a seed."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass

from edgeq.device.link import Stream


@dataclass(frozen=True)
class Faults:
    """How likely a piece of the stream, of what is written or read at once, suffers from each."""

    flip: float = 0.0
    drop: float = 0.0
    insert: float = 0.0
    cut: float = 0.0
    """Everything from some byte on is lost."""
    repeat: float = 0.0
    delay: float = 0.0
    """Held back for up to DELAY_SECONDS."""


DELAY_SECONDS = 0.03
ALL = Faults(flip=0.02, drop=0.02, insert=0.02, cut=0.01, repeat=0.01, delay=0.02)


class FaultyLine:
    """Another line, made worse in both directions. Writes are cut into frames, so that each meets its own fate."""

    def __init__(self, inner: Stream, faults: Faults, seed: int) -> None:
        self._inner, self._faults, self._random = inner, faults, random.Random(seed)
        self.frames = 0
        """Ends of frames, in both directions."""
        self.happened: Counter[str] = Counter()
        self.quiet = False
        """Whether the line is good for now."""

    def read(self, seconds: float) -> bytes:
        data = self._inner.read(seconds)
        self.frames += data.count(0) // 2
        return self._spoil(data)

    def write(self, data: bytes) -> None:
        for frame in data.split(b"\0\0"):
            self.frames += 1
            self._inner.write(self._spoil(b"\0" + frame.strip(b"\0") + b"\0"))

    def close(self) -> None:
        self._inner.close()

    def _spoil(self, data: bytes) -> bytes:
        if not data or self.quiet:
            return data
        piece, chance = bytearray(data), self._random
        for kind in ("flip", "drop", "insert", "cut", "repeat", "delay"):
            if chance.random() >= getattr(self._faults, kind):
                continue
            self.happened[kind] += 1
            at = chance.randrange(len(piece)) if piece else 0
            if kind == "flip" and piece:
                piece[at] ^= 1 << chance.randrange(8)
            elif kind == "drop":
                del piece[at : at + chance.randint(1, 3)]
            elif kind == "insert":
                piece[at:at] = bytes(chance.choice((0, chance.randrange(256))) for _ in range(chance.randint(1, 4)))
            elif kind == "cut":
                del piece[at:]
            elif kind == "repeat":
                piece += piece[at:]
            elif kind == "delay":
                time.sleep(chance.random() * DELAY_SECONDS)
        return bytes(piece)
