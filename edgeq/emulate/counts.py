"""From counter differences of a profiled run to instructions per step."""

from __future__ import annotations

from collections.abc import Sequence

from edgeq.boards import Board
from edgeq.emulate.exchange import Report
from edgeq.errors import EmulationError, InternalError

# Instructions of the empty model in runtime/port/<arch>/measure.S: to the first hook, to the second,
# and back to the caller; and of its form without hooks.
_EMPTY_RUN = {"arm": (3, 2, 2), "riscv": (4, 2, 4)}
_EMPTY_RUN_UNPROFILED = 2

ICOUNT_SHIFT = 8
"""QEMU's virtual time per instruction is 2^8 ns where a timer is read. A tick must be shorter than
half an instruction for rounding to be exact: 2^8 ns allows timers from 8 MHz."""


def steps_from_segments(segments: Sequence[int], profiled: bool) -> tuple[list[int] | None, int]:
    """Instructions per step (None when not profiled) and in total.

    segments: before the first hook, between the hooks, after the last; the ends belong to the first
    and the last step.
    """
    total = sum(segments)
    if not profiled:
        return None, total
    if len(segments) < 3:
        raise InternalError("a profiled program reports at least three segments")
    steps = list(segments[1:-1])
    steps[0] += segments[0]
    steps[-1] += segments[-1]
    return steps, total


def segments_from_report(report: Report, board: Board) -> list[int]:
    """Instructions per segment, the cost of reading the counter taken off."""
    segments = [_instructions(ticks, board) for ticks in report.segments]
    calibration = [_instructions(ticks, board) for ticks in report.calibration]
    if not report.profiled:
        return [segments[0] - (calibration[0] - _EMPTY_RUN_UNPROFILED)]
    first, between, last = (
        measured - known for measured, known in zip(calibration, _EMPTY_RUN[board.arch], strict=True)
    )
    overhead = [first] + [between] * (len(segments) - 2) + [last]
    return [count - cost for count, cost in zip(segments, overhead, strict=True)]


def cycles_from_report(report: Report) -> list[int]:
    """Cycles per segment. A step that does nothing, in a model that does nothing, costs none: what the harness measured
    of that is taken off, for how long an instruction takes depends on its neighbours."""
    if not report.profiled:
        return [report.segments[0] - report.calibration[0]]
    first, between, last = report.calibration
    overhead = [first] + [between] * (len(report.segments) - 2) + [last]
    return [cycles - cost for cycles, cost in zip(report.segments, overhead, strict=True)]


def _instructions(ticks: int, board: Board) -> int:
    counter = board.qemu.counter if board.qemu is not None else None
    if counter is None:
        raise EmulationError(f"board {board.name} has no counter under QEMU")
    if counter.counts == "instructions":
        return ticks
    nanoseconds = ticks * 1_000_000_000 // counter.hz
    return round(nanoseconds / (1 << ICOUNT_SHIFT))
