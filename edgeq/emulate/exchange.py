"""The files that the harness and a runner exchange; runtime/port/edgeq_harness.h describes them."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from edgeq.emulate.harness import Region
from edgeq.emulate.result import CrashError
from edgeq.errors import EmulationError, InternalError
from edgeq.toolchain import Program

INPUT, OUTPUT, TRACE, REPORT = (f"edgeq_{name}.bin" for name in ("input", "output", "trace", "report"))
_INPUT_MAGIC = 0x4E495145
_REPORT_MAGIC = 0x50525145
_FLAG_TRACE, _FLAG_CALIBRATE = 1, 2
_EXIT_FILE, _EXIT_CANARY, _EXIT_FAULT, _EXIT_INIT, _EXIT_RUN = 20, 21, 22, 32, 64
_NO_STEP = 0xFFFFFFFF
_FAULT_LINE = re.compile(r"edgeq-fault cause=([0-9a-f]{8}) pc=([0-9a-f]{8}) address=([0-9a-f]{8}) step=([0-9a-f]{8})")


@dataclass(frozen=True)
class Report:
    """What the program measured of its first sample, in the counter's own unit."""

    stack_bytes: int
    profiled: bool
    calibration: tuple[int, ...]
    segments: tuple[int, ...]


def input_file(samples: Sequence[bytes], *, trace: bool, calibrate: bool) -> bytes:
    """edgeq_input.bin."""
    flags = _FLAG_TRACE * trace | _FLAG_CALIBRATE * calibrate
    return struct.pack("<II", _INPUT_MAGIC, flags) + b"".join(samples)


def parse_report(data: bytes) -> Report:
    """edgeq_report.bin."""
    if len(data) < 28:
        raise EmulationError("the program ended without a report")
    magic, stack, profiled, segments, *calibration = struct.unpack_from("<7I", data)
    if magic != _REPORT_MAGIC or len(data) != 28 + 4 * segments:
        raise InternalError("the harness wrote a report of another format")
    counts = struct.unpack_from(f"<{segments}I", data, 28)
    return Report(stack, bool(profiled), tuple(calibration), counts)


def split_outputs(data: bytes, samples: int, output_bytes: int) -> list[bytes]:
    """Outputs per sample."""
    if len(data) != samples * output_bytes:
        raise EmulationError(f"the program wrote {len(data)} bytes of output for {samples} samples of {output_bytes}")
    return [data[i * output_bytes : (i + 1) * output_bytes] for i in range(samples)]


def split_trace(data: bytes, samples: int, regions: Sequence[Sequence[Region]]) -> list[list[bytes]]:
    """What each step wrote, per sample and step."""
    sizes = [sum(size for _, size in written) for written in regions]
    if len(data) != samples * sum(sizes):
        raise EmulationError(f"the program traced {len(data)} bytes for {samples} samples of {sum(sizes)}")
    traced, position = [], 0
    for _ in range(samples):
        steps = []
        for size in sizes:
            steps.append(data[position : position + size])
            position += size
        traced.append(steps)
    return traced


def require_trace(program: Program, regions: Sequence[Sequence[Region]] | None) -> Sequence[Sequence[Region]]:
    """The regions to trace, or an error that says what is missing for a trace."""
    if regions is None or not program.profiled:
        raise InternalError("a trace needs step_regions and a program built with EDGEQ_PROFILE")
    return regions


def check_exit(program: Program, code: int, console: str) -> None:
    """Turns the program's exit code into an error. console: what it printed, for a fault."""
    if code == 0:
        return
    if code == _EXIT_FILE:
        raise EmulationError("the input does not hold whole samples, or files cannot be written")
    if code == _EXIT_CANARY:
        raise EmulationError(
            "the program wrote outside its memory: the guard words around the arena or under the stack changed",
            hint=f"the stack of board {program.board.name} has {program.board.stack_bytes} bytes",
        )
    if code == _EXIT_FAULT:
        raise _fault(program, console)
    if _EXIT_INIT <= code < _EXIT_INIT + 32:
        raise EmulationError(f"the model's init returned status {code - _EXIT_INIT}")
    if _EXIT_RUN <= code < _EXIT_RUN + 32:
        raise EmulationError(f"the model's run returned status {code - _EXIT_RUN}")
    last = console.strip()[-2000:]
    raise EmulationError(f"the program ended with code {code}" + (f":\n{last}" if last else ""))


def fault_step(step: int) -> int | None:
    """The value of edgeq_current_step as a step, or None outside of the model."""
    return None if step == _NO_STEP else step


def place(program: Program, pc: int) -> str:
    """ "0x1234 (function)"."""
    name = program.symbol_at(pc)
    return f"{pc:#x}" + (f" ({name})" if name else "")


def _fault(program: Program, console: str) -> EmulationError:
    found = _FAULT_LINE.search(console)
    if not found:
        return EmulationError("the processor trapped, and could not say where")
    cause, pc, address, step = (int(word, 16) for word in found.groups())
    return CrashError(
        f"the processor trapped (cause {cause}, address {address:#x}) at {place(program, pc)}",
        step=fault_step(step),
    )
