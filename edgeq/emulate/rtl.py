"""Runs a program on the RTL of a real RISC-V core under Verilator, cycle by cycle.

The program is the one that Unicorn and QEMU run. Not every core has the counter that it reads, or can trap at a
semihosting call, so its image is patched where it is not the model: reading minstret becomes a load of the cycle's
number from the simulator's mailbox (runtime/port/rtl/simulator.cpp), and the semihosting sequence two stores and a
load there.
"""

from __future__ import annotations

import struct
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edgeq.boards import Board
from edgeq.emulate import counts, exchange
from edgeq.emulate.harness import Region
from edgeq.emulate.image import Image, read_image
from edgeq.emulate.isa import check_instructions
from edgeq.emulate.result import DEFAULT_TIMEOUT, RunResult
from edgeq.emulate.rtl_cores import RtlCore, rtl_cores, simulator
from edgeq.errors import EmulationError, InternalError
from edgeq.toolchain import Program

PREFIX = "rtl:"
_NOP = 0x00000013
_SLLI_1F, _EBREAK, _SRAI_7 = 0x01F01013, 0x00100073, 0x40705013
_STORE_BLOCK, _STORE_OPERATION, _LOAD_RESULT = 0xFEB02C23, 0xFEA02E23, 0xFFC02503
_READ_COUNTER, _ANY_REGISTER = 0xB0202073, 0x1F << 7  # csrr rd, minstret
_LOAD_CYCLE = 0xFF002003  # lw rd, -16(zero)
_WRITE_TRAP_VECTOR = 0x30529073  # csrw mtvec, t0
_MEASURING = ("edgeq_port_run", "edgeq_on_step")


class RtlRunner:
    """One core of runtime/port/rtl/cores.toml. Gives cycles, not instructions."""

    def __init__(self, core: RtlCore) -> None:
        self.core = core

    @property
    def name(self) -> str:
        return PREFIX + self.core.name

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
        """As Runner.run; what is counted are cycles of the first sample."""
        regions = exchange.require_trace(program, step_regions) if trace else None
        counting = bool(samples) and (program.profiled if count is None else count)
        image = read_image(program.elf)
        check_instructions(program, image)
        binary = simulator(self.core)
        with tempfile.TemporaryDirectory(prefix="edgeq-rtl-") as name:
            folder = Path(name)
            data = exchange.input_file(samples, trace=trace, calibrate=counting)
            (folder / exchange.INPUT).write_bytes(data)
            (folder / "image.bin").write_bytes(patched_image(program, image, self.core))
            code, console = _execute([str(binary), *_arguments(program, image)], folder, timeout)
            exchange.check_exit(program, code, console)
            output = (folder / exchange.OUTPUT).read_bytes()
            traced = (folder / exchange.TRACE).read_bytes() if regions is not None else b""
            report = exchange.parse_report((folder / exchange.REPORT).read_bytes())
        steps, total = None, None
        if counting:
            steps, total = counts.steps_from_segments(counts.cycles_from_report(report), report.profiled)
        return RunResult(
            outputs=exchange.split_outputs(output, len(samples), output_bytes),
            step_outputs=None if regions is None else exchange.split_trace(traced, len(samples), regions),
            step_instructions=None,
            instructions=None,
            stack_bytes=report.stack_bytes,
            runner=self.name,
            step_cycles=steps,
            cycles=total,
            cycles_from=None if total is None else f"RTL of {self.core.name}",
        )


def rtl_runners(board: Board) -> list[RtlRunner]:
    """One per core that executes the board's instructions, the default first; installed or not."""
    unknown = [name for name in board.rtl if name not in rtl_cores()]
    if unknown:
        raise EmulationError(f"no core {unknown[0]!r} (board {board.name})", hint=f"one of {', '.join(rtl_cores())}")
    return [RtlRunner(rtl_cores()[name]) for name in board.rtl]


def patched_image(program: Program, image: Image, core: RtlCore) -> bytes:
    """The program's segments as the simulator reads them, with its mailbox instead of semihosting and counter."""
    segments = {address: bytearray(data) for address, data in image.segments}
    at = program.symbols["edgeq_semihost"].address
    _replace(segments, at, _SLLI_1F, _STORE_BLOCK)
    _replace(segments, at + 4, _EBREAK, _STORE_OPERATION)
    _replace(segments, at + 8, _SRAI_7, core.invalidate or _NOP)
    _replace(segments, at + 12, _NOP, _LOAD_RESULT)
    for name in _MEASURING:
        symbol = program.symbols.get(name)
        for at in range(symbol.address, symbol.address + symbol.size - 2, 2) if symbol else ():
            word = _word(segments, at)
            if word & ~_ANY_REGISTER == _READ_COUNTER:
                _replace(segments, at, word, _LOAD_CYCLE | word & _ANY_REGISTER)
    if not core.traps:
        symbol = program.symbols["edgeq_reset"]
        for at in range(symbol.address, symbol.address + symbol.size - 2, 2):
            if _word(segments, at) == _WRITE_TRAP_VECTOR:
                _replace(segments, at, _WRITE_TRAP_VECTOR, _NOP)
    return b"".join(struct.pack("<II", address, len(data)) + data for address, data in segments.items())


def _word(segments: dict[int, bytearray], address: int) -> int:
    start, data = _segment(segments, address)
    return int.from_bytes(data[address - start : address - start + 4], "little")


def _replace(segments: dict[int, bytearray], address: int, old: int, new: int) -> None:
    start, data = _segment(segments, address)
    if _word(segments, address) != old:
        raise InternalError(f"the program has {_word(segments, address):#010x} at {address:#x} instead of {old:#010x}")
    data[address - start : address - start + 4] = new.to_bytes(4, "little")


def _segment(segments: dict[int, bytearray], address: int) -> tuple[int, bytearray]:
    for start, data in segments.items():
        if start <= address and address + 4 <= start + len(data):
            return start, data
    raise InternalError(f"the program has nothing at {address:#x}")


def _arguments(program: Program, image: Image) -> list[str]:
    board = program.board
    assert board.flash is not None and board.ram is not None
    step = program.symbols["edgeq_current_step"].address
    numbers = (board.flash.origin, board.flash.bytes, board.ram.origin, board.ram.bytes, image.entry, step)
    return ["image.bin", *map(str, numbers)]


def _execute(command: Sequence[str], folder: Path, timeout: float) -> tuple[int, str]:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise EmulationError(f"the program did not end within {timeout:g} s on simulated hardware") from error
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")
