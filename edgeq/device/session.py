"""A device and the models on it: samples in, outputs out, what they cost, and what every layer wrote."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from edgeq.boards import Board
from edgeq.contract import ABI_VERSION
from edgeq.device.firmware import about_model
from edgeq.device.link import RUN_PATIENCE, Link
from edgeq.device.local import is_local, open_local
from edgeq.device.ports import AUTO, DEFAULT_BAUD, find_port, open_port
from edgeq.device.protocol import (
    ABOUT_BYTES,
    ALL_STEPS,
    VERSION,
    About,
    Hello,
    Marks,
    Op,
    Space,
    parse_about,
    parse_marks,
)
from edgeq.errors import DeviceError, WrongFirmwareError

Region = tuple[bool, int, int]
"""(in the state?, offset, bytes) of a tensor that a step writes."""

_NAME_BYTES = 256
_TICKS_BYTES = 8
_LOCAL_RETRY, _LOCAL_PATIENCE = 2.0, 30.0
"""Seconds: nothing is lost on the way to a device of this computer, but a busy computer may let it wait."""
_PATTERNS = (0xA5, 0x5A)
"""Two paints: a byte that equals one of them differs from the other."""


def step_regions(manifest: Mapping[str, Any]) -> list[list[Region]]:
    """Where each step's outputs lie."""
    return [
        [(bool(out.get("in_state", False)), int(out["offset"]), int(out["bytes"])) for out in step["outputs"]]
        for step in manifest["steps"]
    ]


@dataclass(frozen=True)
class Line:
    """How to reach a board. port: a serial port, a URL of pyserial, `auto`, `sim:`, or `qemu:[BOARD]`.

    baud: None for that of the board's file. run_patience: seconds that a run, or one of its layers, may take.
    on_sample: called with the samples done and all of them, after each.
    """

    port: str = AUTO
    baud: int | None = None
    run_patience: float = RUN_PATIENCE
    on_sample: Callable[[int, int], None] | None = None


@dataclass(frozen=True)
class Timing:
    """What one run took and used. ticks: of edgeq_ticks; step_ticks: None where the firmware has no step hook."""

    ticks: int
    step_ticks: list[int] | None
    marks: Marks


class Device:
    """An open session. Use it as a context manager, or close it."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.hello: Hello = link.hello()
        if self.hello.version != VERSION:
            raise WrongFirmwareError(
                f"the board speaks version {self.hello.version} of the link, this edgeq speaks {VERSION}",
                where=link.where,
                hint="flash the board anew, or use the edgeq that made its firmware",
            )
        self.models: list[About] = [self._about(index) for index in range(self.hello.models)]

    def __enter__(self) -> Device:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the session and closes the port."""
        self.link.close()

    def _about(self, index: int) -> About:
        about, name_bytes = parse_about(self.link.read(index, Space.MODEL, ABOUT_BYTES))
        name = self.link.read(index, Space.MODEL, min(name_bytes, _NAME_BYTES), ABOUT_BYTES)
        return replace(about, name=name.decode(errors="replace"))

    def select(self, folder: Path, manifest: Mapping[str, Any]) -> int:
        """The index of a converted folder's model. WrongFirmwareError when the board holds others."""
        if self.hello.abi != ABI_VERSION:
            raise WrongFirmwareError(
                f"the board's firmware has ABI {self.hello.abi}, this edgeq has {ABI_VERSION}",
                where=self.link.where,
                hint="convert and flash again",
            )
        wanted = about_model(folder, manifest)
        for index, there in enumerate(self.models):
            if there.sha256 == wanted.sha256:
                return index
        listed = ", ".join(f"{m.name} ({m.sha256.hex()[:12]})" for m in self.models)
        raise WrongFirmwareError(
            f"the board holds {listed}, not {wanted.name} ({wanted.sha256.hex()[:12]}) of {folder}",
            where=self.link.where,
            hint="flash this folder, or name the folder that was flashed; a folder that was converted anew is another",
        )

    def infer(self, index: int, sample: bytes) -> bytes:
        """All outputs of one sample, back to back."""
        about = self.models[index]
        if len(sample) != about.input_bytes:
            raise DeviceError(f"a sample has {len(sample)} bytes, the model takes {about.input_bytes}")
        answer = self.link.infer(index, sample)
        return self._outputs(index, answer[_TICKS_BYTES:])

    def _outputs(self, index: int, first: bytes) -> bytes:
        """All outputs, of which the first bytes are known."""
        total = self.models[index].output_bytes
        if len(first) >= total:
            return first[:total]
        return first + self.link.read(index, Space.OUTPUT, total - len(first), len(first))

    def run(
        self, index: int, samples: Sequence[bytes], on_sample: Callable[[int, int], None] | None = None
    ) -> list[bytes]:
        """The outputs of every sample; before the first, the model forgets what it remembers of earlier runs.

        on_sample: called with the samples done and all of them, after each.
        """
        self.link.request(Op.RESET, index)
        outputs = []
        for sample in samples:
            outputs.append(self.infer(index, sample))
            if on_sample is not None:
                on_sample(len(outputs), len(samples))
        return outputs

    def trace(self, index: int, samples: Sequence[bytes], regions: Sequence[Sequence[Region]]) -> list[bytes]:
        """What every step wrote on the last sample, in a run that stops after each. The firmware needs the step hook.

        DeviceError when it has none.
        """
        self.run(index, samples[:-1])
        self.link.load(index, samples[-1])
        found = []
        for step, written in enumerate(regions):
            self.link.request(Op.CONTINUE if step else Op.RUN, index, struct.pack("<I", step))
            found.append(b"".join(self._region(index, *region) for region in written))
        if regions:
            self.link.request(Op.CONTINUE, index, struct.pack("<I", ALL_STEPS))
        return found

    def _region(self, index: int, in_state: bool, offset: int, size: int) -> bytes:
        return self.link.read(index, Space.STATE if in_state else Space.ARENA, size, offset)

    def time(self, index: int, sample: bytes) -> tuple[bytes, Timing]:
        """The outputs of one sample and what it cost: ticks of the second of two runs, the larger marks of both."""
        marks = []
        for pattern in _PATTERNS:
            self.link.request(Op.RESET, index)
            self.link.request(Op.PAINT, index, bytes([pattern]))
            output = self.infer(index, sample)
            marks.append(parse_marks(self.link.read(index, Space.MARKS, 16)))
        steps = self.models[index].steps if self.hello.has_steps else 0
        total, *each = struct.unpack(f"<{steps + 1}Q", self.link.read(index, Space.TICKS, 8 * (steps + 1)))
        most = max(marks, key=lambda m: m.arena_used)
        deepest = max(marks, key=lambda m: m.stack_bytes)
        both = replace(most, stack_bytes=deepest.stack_bytes)
        return output, Timing(total, each if self.hello.has_steps else None, both)


def open_device(line: Line, folder: Path, board: Board, *, compiler: str = "auto") -> Device:
    """Says hello to the device behind a line. PortError, and all of `Link`; for `sim:` and `qemu:` those of the build.

    folder: what `sim:` and `qemu:` build. board: whose baud rate and USB ids are taken.
    """
    if is_local(line.port):
        stream = open_local(line.port, [folder], board, compiler)
        times = {"retry": _LOCAL_RETRY, "patience": _LOCAL_PATIENCE}
        return _greet(Link(stream, line.port, **times, run_patience=line.run_patience))
    port = find_port(board) if line.port == AUTO else line.port
    baud = line.baud or (board.serial.baud if board.serial is not None else DEFAULT_BAUD)
    slow = 0.0 if "://" in port else 10 / baud
    return _greet(Link(open_port(port, baud), port, byte_seconds=slow, run_patience=line.run_patience))


def _greet(link: Link) -> Device:
    try:
        return Device(link)
    except BaseException:
        link.close()
        raise
