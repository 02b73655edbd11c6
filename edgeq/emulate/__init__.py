"""Runs programs: on this computer, under Unicorn, or under QEMU. All give the same RunResult."""

from edgeq.emulate.harness import output_bytes, render_main, step_regions
from edgeq.emulate.result import CrashError, Runner, RunResult
from edgeq.emulate.runners import runner_for, runners_for

__all__ = [
    "CrashError",
    "RunResult",
    "Runner",
    "output_bytes",
    "render_main",
    "runner_for",
    "runners_for",
    "step_regions",
]
