"""What every way of running a program takes and gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from edgeq.emulate.harness import Region
from edgeq.errors import EmulationError
from edgeq.toolchain import Program

DEFAULT_TIMEOUT = 300.0
"""Seconds for all samples of one run."""


@dataclass(frozen=True)
class RunResult:
    """What a program did.

    outputs: per sample, all outputs back to back.
    step_outputs: per sample and step, the regions that the step wrote, back to back; None untraced.
    step_instructions: executed instructions of the first sample per step, condition-failed ones
    included; the first step carries the entry of <m>_run and the last its return, so that the sum is
    `instructions`, the cost of one call of <m>_run. Both None where not counted.
    stack_bytes: deepest use of the stack by <m>_run on the first sample, below the address it was
    entered with: its own frame and all that it calls; not the harness, not the step hook. None on
    the host.
    runner: "host", "unicorn", "qemu", or "rtl:" and a core's name.
    step_cycles, cycles: the same for clock cycles, where they are known (docs/cycles.md).
    cycles_from: what they come from: the RTL of a core, or an estimate.
    """

    outputs: list[bytes]
    step_outputs: list[list[bytes]] | None
    step_instructions: list[int] | None
    instructions: int | None
    stack_bytes: int | None
    runner: str
    step_cycles: list[int] | None = None
    cycles: int | None = None
    cycles_from: str | None = None


class CrashError(EmulationError):
    """The program crashed. step: the step that was running, where known."""

    def __init__(self, message: str, *, step: int | None, hint: str | None = None) -> None:
        during = "" if step is None else f" during step {step}"
        super().__init__(f"{message}{during}", hint=hint)
        self.step = step


class Runner(Protocol):
    """One way of running a program."""

    @property
    def name(self) -> str:
        """As RunResult.runner."""
        ...

    def run(
        self,
        program: Program,
        samples: Sequence[bytes],
        *,
        output_bytes: int,
        step_regions: Sequence[Sequence[Region]] | None = None,
        trace: bool = False,
        count: bool | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> RunResult:
        """Runs the program on samples, each being all inputs back to back.

        output_bytes: of one sample. step_regions: (offset, bytes) of what each step writes, needed
        with trace. trace and counts per step need a program built with EDGEQ_PROFILE. count: whether
        to count instructions of the first sample; None counts whenever the program is profiled.
        timeout: seconds for all samples. EmulationError: it crashed, hung, or damaged its memory.
        """
        ...
