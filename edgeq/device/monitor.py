"""What a board says, as lines of text: frames of the link by their meaning, anything else as it comes."""

from __future__ import annotations

import time
from collections.abc import Iterator

from edgeq.device.link import Stream
from edgeq.device.protocol import ANSWER, Decoder, Frame, Noise, Op, Status, encode, parse_hello

_IDLE = 0.2
"""Seconds after which bytes that no zero ends are shown as they are."""


def watch(stream: Stream, seconds: float | None = None) -> Iterator[str]:
    """Asks the board who it is, then yields a line for everything that comes, for ever or for some seconds.

    LinkLostError when the line is gone.
    """
    decoder = Decoder()
    begin = time.monotonic()
    stream.write(encode(Frame(Op.HELLO, 0, 0, bytes(4))))
    while seconds is None or time.monotonic() - begin < seconds:
        data = stream.read(_IDLE)
        items: list[Frame | Noise] = list(decoder.feed(data))
        if not data and (rest := decoder.rest()).raw:
            items.append(rest)
        now = time.monotonic() - begin
        for item in items:
            yield f"{now:9.3f}  {describe(item)}"


def describe(item: Frame | Noise) -> str:
    """One line."""
    if isinstance(item, Noise):
        if all(32 <= byte < 127 or byte in b"\r\n\t" for byte in item.raw):
            return item.raw.decode("ascii").strip()
        return (
            f"{len(item.raw)} bytes that are no frame: {item.raw[:16].hex(' ')}{' ...' if len(item.raw) > 16 else ''}"
        )
    if item.op == Op.NOISE:
        return "the board got a damaged frame"
    if item.op in (Op.STARTED, Op.HELLO | ANSWER) and item.second == Status.OK and len(item.data) >= 24:
        hello = parse_hello(item.data)
        clock = f", {hello.clock_hz / 1e6:g} MHz" if hello.clock_hz else ""
        models = "1 model" if hello.models == 1 else f"{hello.models} models"
        what = "has started" if item.op == Op.STARTED else "is here"
        facts = f"link {hello.version}, ABI {hello.abi}{clock}, ticks of {hello.ticks_hz} Hz"
        return f"{hello.board} {what}: {models}, {facts}"
    known = {int(op): op.name for op in Op}
    name = known.get(item.op & ~ANSWER, f"request {item.op & ~ANSWER:#04x}")
    statuses = {int(status): status.name for status in Status}
    status = statuses.get(item.second, str(item.second))
    return f"answer to {name} #{item.seq}: {status}, {len(item.data)} bytes"
