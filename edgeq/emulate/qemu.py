"""Runs a program under QEMU (system emulation, semihosting).

Counts come from the program itself, which reads a counter of the machine around each step. With
-icount, virtual time advances by a fixed amount per instruction, so the counter is an exact count.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edgeq.boards import Board
from edgeq.emulate import counts, exchange
from edgeq.emulate.harness import Region
from edgeq.emulate.image import read_image
from edgeq.emulate.isa import check_instructions
from edgeq.emulate.result import DEFAULT_TIMEOUT, RunResult
from edgeq.errors import EmulationError
from edgeq.toolchain import Program

DEBIAN_PACKAGES = {"arm": "qemu-system-arm", "riscv32": "qemu-system-misc"}


class QemuRunner:
    """Emulation with the system's QEMU."""

    name = "qemu"

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
        """As Runner.run."""
        board = program.board
        regions = exchange.require_trace(program, step_regions) if trace else None
        has_counter = board.qemu is not None and board.qemu.counter is not None
        counting = has_counter and bool(samples) and (program.profiled if count is None else count)
        check_instructions(program, read_image(program.elf))
        with tempfile.TemporaryDirectory(prefix="edgeq-qemu-") as name:
            folder = Path(name)
            data = exchange.input_file(samples, trace=trace, calibrate=counting)
            (folder / exchange.INPUT).write_bytes(data)
            code, console = _execute(_command(board, program.elf, counting), folder, timeout)
            exchange.check_exit(program, code, console)
            output = (folder / exchange.OUTPUT).read_bytes()
            traced = (folder / exchange.TRACE).read_bytes() if regions is not None else b""
            report = exchange.parse_report((folder / exchange.REPORT).read_bytes())
        steps, total = None, None
        if counting:
            segments = counts.segments_from_report(report, board)
            steps, total = counts.steps_from_segments(segments, report.profiled)
        return RunResult(
            outputs=exchange.split_outputs(output, len(samples), output_bytes),
            step_outputs=None if regions is None else exchange.split_trace(traced, len(samples), regions),
            step_instructions=steps,
            instructions=total,
            stack_bytes=report.stack_bytes,
            runner=self.name,
        )


def find_qemu(board: Board) -> str | None:
    """The path of the QEMU that emulates this board, or None."""
    return None if board.qemu is None else shutil.which(f"qemu-system-{board.qemu.system}")


def _command(board: Board, elf: Path, counting: bool) -> list[str]:
    machine = board.qemu
    path = find_qemu(board)
    if machine is None or path is None:
        raise EmulationError(f"no QEMU for board {board.name} on this machine")
    command = [path, "-M", machine.machine, "-cpu", machine.cpu, *machine.options]
    command += ["-display", "none", "-monitor", "none", "-serial", "none"]
    command += ["-semihosting-config", "enable=on,target=native", "-kernel", str(elf.resolve())]
    if counting and machine.counter is not None:
        shift = 0 if machine.counter.counts == "instructions" else counts.ICOUNT_SHIFT
        command += ["-icount", f"shift={shift}"]
    return command


def _execute(command: Sequence[str], folder: Path, timeout: float) -> tuple[int, str]:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise EmulationError(f"the program did not end within {timeout:g} s under QEMU") from error
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")
