"""Runs a program that was built for this computer."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edgeq.emulate import exchange
from edgeq.emulate.harness import Region
from edgeq.emulate.result import DEFAULT_TIMEOUT, RunResult
from edgeq.errors import EmulationError
from edgeq.toolchain import Program


class HostRunner:
    """Outputs and traces; nothing is counted, since the host is not the target."""

    name = "host"

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
        """As Runner.run; `count` has no effect."""
        regions = exchange.require_trace(program, step_regions) if trace else None
        with tempfile.TemporaryDirectory(prefix="edgeq-host-") as name:
            folder = Path(name)
            data = exchange.input_file(samples, trace=trace, calibrate=False)
            (folder / exchange.INPUT).write_bytes(data)
            try:
                done = subprocess.run(
                    [str(program.elf.resolve())],
                    cwd=folder,
                    capture_output=True,
                    timeout=timeout,
                    check=False,
                    stdin=subprocess.DEVNULL,
                )
            except subprocess.TimeoutExpired as error:
                raise EmulationError(f"the program did not end within {timeout:g} s") from error
            console = (done.stdout + done.stderr).decode(errors="replace")
            exchange.check_exit(program, done.returncode, console)
            output = (folder / exchange.OUTPUT).read_bytes()
            traced = (folder / exchange.TRACE).read_bytes() if regions is not None else b""
        return RunResult(
            outputs=exchange.split_outputs(output, len(samples), output_bytes),
            step_outputs=None if regions is None else exchange.split_trace(traced, len(samples), regions),
            step_instructions=None,
            instructions=None,
            stack_bytes=None,
            runner=self.name,
        )
