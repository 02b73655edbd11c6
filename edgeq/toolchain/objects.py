"""How many bytes single sources add to a program: each compiled by itself, nothing linked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgeq.boards import Board
from edgeq.toolchain.compile import Unit, compile_units
from edgeq.toolchain.compilers import COMPILE_FLAGS, find_compiler
from edgeq.toolchain.ports import emulator_port
from edgeq.toolchain.program import open_elf

_LOADED = 2
"""SHF_ALLOC: sections that a program loads."""
_WRITTEN = 1
"""SHF_WRITE: sections that are not constant."""


def object_bytes(
    sources: Sequence[Path],
    include_dirs: Sequence[Path],
    board: Board,
    work_dir: Path,
    *,
    compiler: str = "auto",
    optimize: str = "balanced",
) -> list[int]:
    """Code and constants of each source, in order, compiled as `build_program` does; no host. Raises ToolchainError."""
    tool = find_compiler(board, compiler)
    flags = [*COMPILE_FLAGS, tool.optimize(optimize), *tool.target_flags(board)]
    flags += [f"-I{directory.resolve()}" for directory in (*include_dirs, *emulator_port(board).include_dirs)]
    units = [Unit(source.resolve(), (work_dir / f"{i}.o").resolve()) for i, source in enumerate(sources)]
    compile_units(tool, units, flags, cached=True)
    return [_constant_bytes(unit.output) for unit in units]


def _constant_bytes(file: Path) -> int:
    with open_elf(file) as elf:
        sections = [s for s in elf.iter_sections() if s["sh_flags"] & _LOADED and not s["sh_flags"] & _WRITTEN]
        return sum(int(s["sh_size"]) for s in sections if s["sh_type"] == "SHT_PROGBITS")
