"""Runs a program under Unicorn: exact instruction counts, and a fault for any access outside memory.

Traps that shaped this file: UC_MODE_MCLASS silently selects a Cortex-M33, so the CPU model is set by
name and read back; UC_HOOK_CODE skips instructions whose condition fails, so blocks are counted and
their instructions are counted from the code; a hook slows everything after it, so it is taken out
after the first sample.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Sequence
from typing import Any

from edgeq.boards import PAGE_BYTES, Board, Memory
from edgeq.emulate import counts, exchange
from edgeq.emulate.block_counter import BlockCounter
from edgeq.emulate.cycle_estimate import TIMINGS, estimate
from edgeq.emulate.harness import Region
from edgeq.emulate.image import Image, read_image
from edgeq.emulate.isa import check_instructions
from edgeq.emulate.result import DEFAULT_TIMEOUT, CrashError, RunResult
from edgeq.emulate.semihost import Semihost
from edgeq.errors import EmulationError
from edgeq.toolchain import Program


class _Machine:
    """One program loaded into one emulated processor."""

    def __init__(self, program: Program, image: Image, input_file: bytes) -> None:
        unicorn: Any = importlib.import_module("unicorn")
        from unicorn import arm_const, riscv_const

        board = program.board
        assert board.flash is not None and board.ram is not None
        self._uc_module = unicorn
        self._program = program
        self._arm = board.arch == "arm"
        if self._arm:
            self.uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
            _select_cpu(self.uc, board, arm_const)
            self._pc, self._link = arm_const.UC_ARM_REG_PC, arm_const.UC_ARM_REG_LR
            self._arguments = (arm_const.UC_ARM_REG_R0, arm_const.UC_ARM_REG_R1)
            if "eabihf" in (board.zig.target if board.zig else ""):
                self.uc.reg_write(arm_const.UC_ARM_REG_FPEXC, 1 << 30)
        else:
            self.uc = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
            self._pc, self._link = riscv_const.UC_RISCV_REG_PC, riscv_const.UC_RISCV_REG_RA
            self._arguments = (riscv_const.UC_RISCV_REG_A0, riscv_const.UC_RISCV_REG_A1)
        read_execute = unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC
        self.uc.mem_map(board.flash.origin, _pages(board.flash), read_execute)
        if board.constants is not None:
            self.uc.mem_map(board.constants.origin, _pages(board.constants), unicorn.UC_PROT_READ)
        self.uc.mem_map(board.ram.origin, _pages(board.ram), unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
        for page in _peripheral_pages(board):
            self.uc.mem_map(page, PAGE_BYTES)
        for address, data in image.segments:
            self.uc.mem_write(address, data)
        self.semihost = Semihost(
            lambda address, size: bytes(self.uc.mem_read(address, size)),
            self.uc.mem_write,
            input_file,
        )
        self._semihost_at = program.symbols["edgeq_semihost"].address
        self._next = image.entry
        self.counter = BlockCounter(self.uc, program, self.return_address)

    def register(self, which: int) -> int:
        return int(self.uc.reg_read(which))

    def return_address(self) -> int:
        """Where the function that was just entered will return to, without the Thumb bit."""
        return self.register(self._link) & ~1

    def run(self, timeout: float) -> None:
        """Runs until the program ends; serves its semihosting calls."""
        deadline = time.monotonic() + timeout
        while self.semihost.exit_code is None:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise self._late(timeout)
            try:
                self.uc.emu_start(self._next | self._arm, self._semihost_at, timeout=int(remaining * 1e6) + 1)
            except self._uc_module.UcError as error:
                raise self._fault(error) from error
            at = self.register(self._pc)
            if at == self._semihost_at:
                self._serve()
            elif self.counter.error is not None:
                raise self.counter.error
            elif self.counter.finished:
                self.counter.remove()
                self._next = at
            else:
                raise self._late(timeout)

    def _serve(self) -> None:
        operation, block = (self.register(argument) for argument in self._arguments)
        try:
            result = self.semihost.call(operation, block)
        except self._uc_module.UcError as error:
            raise self._fault(error) from error
        self.uc.reg_write(self._arguments[0], result)
        self._next = self.return_address()

    def _step(self) -> int | None:
        address = self._program.symbols["edgeq_current_step"].address
        return exchange.fault_step(int.from_bytes(self.uc.mem_read(address, 4), "little"))

    def _late(self, timeout: float) -> EmulationError:
        where = exchange.place(self._program, self.register(self._pc))
        return CrashError(f"the program did not end within {timeout:g} s; it was at {where}", step=self._step())

    def _fault(self, error: Exception) -> EmulationError:
        where = exchange.place(self._program, self.register(self._pc))
        return CrashError(f"{error} at {where}", step=self._step())


def _select_cpu(uc: Any, board: Board, arm_const: Any) -> None:
    wanted = f"UC_CPU_ARM_{str(board.unicorn).upper().replace('-', '_')}"
    model = getattr(arm_const, wanted, None)
    if model is None:
        raise EmulationError(f"Unicorn has no CPU {board.unicorn!r} (board {board.name})")
    uc.ctl_set_cpu_model(model)
    if uc.ctl_get_cpu_model() != model:
        raise EmulationError(f"Unicorn refused the CPU {board.unicorn!r} (board {board.name})")


def _pages(memory: Memory) -> int:
    """Its bytes in whole pages, the unit of Unicorn's memory."""
    return -(-memory.bytes // PAGE_BYTES) * PAGE_BYTES


def _peripheral_pages(board: Board) -> set[int]:
    """Pages that the start-up code touches: the counter's, and Arm's system control space."""
    addresses = {0xE000ED88} if board.arch == "arm" else set()
    counter = board.qemu.counter if board.qemu is not None else None
    if counter is not None and counter.counts != "instructions":
        addresses |= {counter.address, *(address for address, _ in counter.setup)}
    return {address - address % PAGE_BYTES for address in addresses}


class UnicornRunner:
    """Emulation from a pip package."""

    name = "unicorn"

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
        regions = exchange.require_trace(program, step_regions) if trace else None
        counting = (program.profiled if count is None else count) and bool(samples)
        image = read_image(program.elf)
        check_instructions(program, image)
        machine = _Machine(program, image, exchange.input_file(samples, trace=trace, calibrate=False))
        if counting:
            machine.counter.install()
        machine.run(timeout)
        semihost = machine.semihost
        assert semihost.exit_code is not None
        exchange.check_exit(program, semihost.exit_code, semihost.console)
        report = exchange.parse_report(bytes(semihost.files[exchange.REPORT]))
        steps, total, step_cycles, cycles, cycles_from = None, None, None, None, None
        timing = TIMINGS.get(program.board.cpu)
        if counting:
            counter = machine.counter
            steps, total = counts.steps_from_segments(counter.segments, program.profiled)
            if timing is not None:
                segments = [estimate(timing, flow, counter.code) for flow in counter.flows]
                step_cycles, cycles = counts.steps_from_segments(segments, program.profiled)
                cycles_from = f"estimate for zero wait states ({timing.manual})"
        output = bytes(semihost.files[exchange.OUTPUT])
        return RunResult(
            outputs=exchange.split_outputs(output, len(samples), output_bytes),
            step_outputs=None
            if regions is None
            else exchange.split_trace(bytes(semihost.files[exchange.TRACE]), len(samples), regions),
            step_instructions=steps,
            instructions=total,
            stack_bytes=report.stack_bytes,
            runner=self.name,
            step_cycles=step_cycles,
            cycles=cycles,
            cycles_from=cycles_from,
        )
