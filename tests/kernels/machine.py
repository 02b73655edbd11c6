"""Runs one kernel on an emulated core and counts its instructions, without a model around it.

Counts are executed instructions, condition-failed ones included (the convention of the whole project).
"""

from __future__ import annotations

import struct
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from elftools.elf.elffile import ELFFile
from unicorn import (
    UC_ARCH_ARM,
    UC_ARCH_RISCV,
    UC_HOOK_BLOCK,
    UC_HOOK_MEM_READ,
    UC_HOOK_MEM_WRITE,
    UC_MODE_RISCV32,
    UC_MODE_THUMB,
    Uc,
    arm_const,
    riscv_const,
)

from edgeq import resources
from edgeq.boards import Board, load_board
from edgeq.ir.types import Array
from edgeq.kernels.registry import Kernel
from edgeq.ops import operator
from edgeq.toolchain.compile import Unit, compile_units
from edgeq.toolchain.compilers import COMPILE_FLAGS, find_compiler
from tests.kernels.cases import Case
from tests.kernels.host_runner import fields

_CODE, _DATA, _STACK_TOP, _STOP = 0x10000, 0x20000000, 0x30010000, 0x40000
_DATA_BYTES = 4 << 20
_PAGE_END = 0x60000000
"""Nothing is mapped from here on; inputs end here."""
_CANARY = b"\x5a" * 16
_LINK = (
    "SECTIONS { . = 0x10000; .text : { *(.text .text.*) } .rodata : { *(.rodata .rodata.* .srodata .srodata.*) }"
    " .data : { *(.data .data.*) } .bss : { *(.bss .bss.*) } /DISCARD/ : { *(.ARM.*) *(.comment) } }"
)
_ARGUMENTS = {
    "arm": [arm_const.UC_ARM_REG_R0, arm_const.UC_ARM_REG_R1, arm_const.UC_ARM_REG_R2, arm_const.UC_ARM_REG_R3],
    "riscv": [riscv_const.UC_RISCV_REG_A0 + i for i in range(8)],
}


@dataclass
class Result:
    """What a run gave. stack_bytes is the depth below the caller.

    lead: how far the output would have to lie before the input for no byte to be written before it was last read; only
    where reads and writes were traced.
    """

    output: Array
    instructions: int
    stack_bytes: int
    lead: int = 0


@dataclass
class Machine:
    """A core, a compiler ("gcc", "zig") and an optimization setting."""

    board: Board
    compiler: str
    optimize: str
    folder: Path
    flags: tuple[str, ...] = ()
    _programs: dict[str, tuple[dict[str, int], bytes]] = field(default_factory=dict)

    @staticmethod
    def of(board: str, compiler: str, folder: Path, optimize: str = "balanced", flags: tuple[str, ...] = ()) -> Machine:
        return Machine(load_board(board), compiler, optimize, folder, flags)

    @cached_property
    def _is_arm(self) -> bool:
        return self.board.arch == "arm"

    def _build(self, kernel: Kernel) -> tuple[dict[str, int], bytes]:
        if kernel.name not in self._programs:
            tool = find_compiler(self.board, self.compiler)
            runtime = resources.runtime_dir()
            stem = self.folder / f"{kernel.name}-{self.board.name}-{self.compiler}-{self.optimize}"
            script = self.folder / "kernel.ld"
            script.write_text(_LINK)
            shim = runtime / "port" / "shim"
            sources = (runtime / kernel.source, shim / "mem.c")
            units = [Unit(source, Path(f"{stem}-{source.stem}.o")) for source in sources]
            flags = [*COMPILE_FLAGS, tool.optimize(self.optimize), *tool.target_flags(self.board), *self.flags]
            flags += [f"-I{folder}" for folder in (runtime / "include", shim)]
            compile_units(tool, units, flags, cached=True)
            objects = [str(unit.output) for unit in units]
            elf = f"{stem}.elf"
            link = [*tool.command, *tool.link_flags(self.board), f"-Wl,-T,{script}", f"-Wl,-e,{kernel.name}"]
            _call([*link, "-Wl,--gc-sections", *objects, *tool.libraries(self.board), "-o", elf])
            self._programs[kernel.name] = _read(Path(elf))
        return self._programs[kernel.name]

    def code_bytes(self, kernel: Kernel) -> int:
        """Bytes of the linked program: the kernel and what it calls."""
        return len(self._build(kernel)[1])

    def _core(self) -> Uc:
        if not self._is_arm:
            return Uc(UC_ARCH_RISCV, UC_MODE_RISCV32)
        core = Uc(UC_ARCH_ARM, UC_MODE_THUMB)
        models = {"cortex-m0": arm_const.UC_CPU_ARM_CORTEX_M0, "cortex-m3": arm_const.UC_CPU_ARM_CORTEX_M3}
        core.ctl_set_cpu_model(models.get(self.board.cpu.replace("plus", ""), arm_const.UC_CPU_ARM_CORTEX_M7))
        return core

    def run(
        self, kernel: Kernel, case: Case, in_place: bool = False, *, lead: int | None = None, trace: bool = False
    ) -> Result:
        """Runs the kernel once on the case's input. in_place: the output overwrites it from the first byte on.

        lead: the output starts so many bytes before the input and shares the memory from there on.
        """
        symbols, code = self._build(kernel)
        core = self._core()
        core.mem_map(_CODE, 0x20000)
        core.mem_map(_STOP, 0x1000)
        core.mem_map(_DATA, _DATA_BYTES)
        core.mem_map(_STACK_TOP - 0x10000, 0x10000)
        core.mem_write(_CODE, code)
        core.mem_write(_STACK_TOP - 0x10000, b"\xa5" * 0x10000)
        next_free = _DATA

        def place(data: bytes, canary: bytes = b"") -> int:
            nonlocal next_free
            address = next_free + len(canary)
            core.mem_write(next_free, canary + data + canary)
            next_free = (address + len(data) + len(canary) + 31) & ~15
            return address

        params = case.params(kernel)
        words: list[int] = []
        for c_type, name in fields(kernel):
            is_table = c_type.endswith("*")
            table = np.ascontiguousarray(params[name]).tobytes() if is_table else b""
            words.append(place(table) if table else 0 if is_table else int(params[name]))
        layer = place(struct.pack(f"<{len(words)}I", *(w & 0xFFFFFFFF for w in words)))
        x = case.stored_input() + bytes(kernel.over_read)
        expected = case.node.output.type
        longest = max(len(x), 0 if lead is None else expected.bytes - lead)
        given = (_PAGE_END - longest) & -kernel.alignment
        first_page = (given - (lead or 0) - len(_CANARY)) & -0x1000
        core.mem_map(first_page, _PAGE_END - first_page)
        core.mem_write(first_page, _CANARY[:1] * (given - first_page))
        core.mem_write(given, x)
        output = given - (lead or 0)
        if lead is None and not in_place:
            output = place(b"\x5a" * expected.bytes, _CANARY)
        scratch_bytes = kernel.scratch_bytes(case.facts)
        scratch = place(b"\x5a" * scratch_bytes, _CANARY) if scratch_bytes else 0
        others = (
            [] if operator(case.node.op).accumulates else [v.constant for v in case.node.inputs[1:] if v is not None]
        )
        arguments = [layer, given, *(place(np.ascontiguousarray(b).tobytes()) for b in others), output, scratch]
        for register, argument in zip(_ARGUMENTS[self.board.arch], arguments, strict=False):
            core.reg_write(register, argument)
        if self._is_arm:
            on_stack = struct.pack(f"<{len(arguments) - 4}I", *arguments[4:])
            top = (_STACK_TOP - len(on_stack)) & -8
            core.mem_write(top, on_stack)
            core.reg_write(arm_const.UC_ARM_REG_SP, top)
            core.reg_write(arm_const.UC_ARM_REG_LR, _STOP | 1)
        else:
            core.reg_write(riscv_const.UC_RISCV_REG_SP, _STACK_TOP)
            core.reg_write(riscv_const.UC_RISCV_REG_RA, _STOP)
        counter = _BlockCounter(self._is_arm)
        core.hook_add(UC_HOOK_BLOCK, counter.block)
        order = _AccessOrder(given, output)
        if trace:
            core.hook_add(UC_HOOK_MEM_READ, order.read, None, given, given + len(x) - 1)
            core.hook_add(UC_HOOK_MEM_WRITE, order.write, None, output, output + expected.bytes - 1)
        core.emu_start(symbols[kernel.name] | int(self._is_arm), _STOP)
        raw = bytes(core.mem_read(output, expected.bytes))
        if lead is not None:
            assert bytes(core.mem_read(output - len(_CANARY), len(_CANARY))) == _CANARY, "written before the output"
        own = 0 if in_place or lead is not None else expected.bytes
        for start, size in ((output, own), (scratch, scratch_bytes)):
            for beside in (start - len(_CANARY), start + size) if size else ():
                assert bytes(core.mem_read(beside, len(_CANARY))) == _CANARY, "written beside output or scratch"
        stack = bytes(core.mem_read(_STACK_TOP - 0x10000, 0x10000))
        depth = len(stack.lstrip(b"\xa5"))
        return Result(case.read_output(raw), counter.total(core), depth, order.lead)


class _AccessOrder:
    """Follows, access by access, how far the writes of the output are ahead of the reads of the input."""

    def __init__(self, given: int, output: int) -> None:
        self.given, self.output = given, output
        self.written = self.lead = 0

    def write(self, _core: Any, _kind: int, address: int, size: int, _value: int, _data: Any) -> None:
        self.written = max(self.written, address + size - self.output)

    def read(self, _core: Any, _kind: int, address: int, _size: int, _value: int, _data: Any) -> None:
        self.lead = max(self.lead, self.written - (address - self.given))


class _BlockCounter:
    """Counts executions per block; instructions per block are counted once, at the end, from the bytes."""

    def __init__(self, thumb: bool) -> None:
        self.thumb = thumb
        self.runs: dict[tuple[int, int], int] = {}

    def block(self, _core: Any, address: int, size: int, _data: Any) -> None:
        self.runs[address, size] = self.runs.get((address, size), 0) + 1

    def total(self, core: Uc) -> int:
        return sum(times * self._length(bytes(core.mem_read(a, n))) for (a, n), times in self.runs.items())

    def _length(self, code: bytes) -> int:
        count = offset = 0
        while offset < len(code):
            half = code[offset] | code[offset + 1] << 8
            wide = half >> 11 in (0b11101, 0b11110, 0b11111) if self.thumb else half & 3 == 3
            offset += 4 if wide else 2
            count += 1
        return count


def _call(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:4000]


def _read(path: Path) -> tuple[dict[str, int], bytes]:
    elf = ELFFile(BytesIO(path.read_bytes()))
    table = elf.get_section_by_name(".symtab")
    functions = {s.name: s["st_value"] & ~1 for s in table.iter_symbols() if s["st_info"]["type"] == "STT_FUNC"}
    image = bytearray()
    for section in elf.iter_sections():
        if section["sh_flags"] & 2 and section["sh_size"] and section["sh_type"] != "SHT_NOBITS":
            end = section["sh_addr"] + section["sh_size"] - _CODE
            image.extend(bytes(max(0, end - len(image))))
            image[section["sh_addr"] - _CODE : end] = section.data()
    return functions, bytes(image)
