"""What a linked program holds: sections, symbols, and how much of it is the model."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeq.boards import Board
from edgeq.errors import ToolchainError

GROUPS = ("model", "harness", "library")
"""Where bytes come from: the model with its kernels; the harness and start-up; what the compiler adds
(memcpy, division)."""


@dataclass(frozen=True)
class Symbol:
    """A named function or object. address, size in bytes; section as in the ELF file."""

    address: int
    size: int
    section: str


@dataclass(frozen=True)
class SectionBytes:
    """Sizes in bytes, padding between functions included. text: code; rodata: constants."""

    text: int = 0
    rodata: int = 0


@dataclass(frozen=True)
class Program:
    """A linked program and what is in it. The *_bytes are of the whole image, harness included.

    compiler: name and version. `groups` splits code and constants by origin (empty for the host).
    profiled: built with EDGEQ_PROFILE, so that steps can be traced and counted.
    """

    elf: Path
    board: Board
    compiler: str
    text_bytes: int
    rodata_bytes: int
    data_bytes: int
    bss_bytes: int
    symbols: Mapping[str, Symbol]
    profiled: bool
    groups: Mapping[str, SectionBytes] = field(default_factory=dict)

    def symbol_at(self, address: int) -> str | None:
        """The function or object that holds this address."""
        for name, symbol in self.symbols.items():
            if symbol.address <= address < symbol.address + max(symbol.size, 1):
                return name
        return None


def can_read_programs() -> bool:
    """Whether pyelftools, which reads sizes and symbols, is installed."""
    return importlib.util.find_spec("elftools") is not None


def section_bytes(program: Program, group: str = "model") -> SectionBytes:
    """Code and constants of one group of GROUPS after unused functions were dropped.

    The linker script keeps the groups apart, so these are exact. Not known for the host.
    """
    if group not in program.groups:
        raise ToolchainError(
            f"sizes of {group!r} are not known for board {program.board.name}",
            hint=f"groups: {', '.join(program.groups) or 'none, the host is not measured'}",
        )
    return program.groups[group]


def read_program(elf: Path, board: Board, compiler: str, profiled: bool) -> Program:
    """Reads sizes and symbols of a linked program."""
    sections, symbols = _read_elf(elf)
    groups = {}
    if not board.is_host:
        groups = {
            "model": SectionBytes(sections.get(".model.text", 0), sections.get(".model.rodata", 0)),
            "harness": SectionBytes(
                sections.get(".vectors", 0) + sections.get(".harness.text", 0),
                sections.get(".harness.rodata", 0),
            ),
            "library": SectionBytes(sections.get(".text", 0), sections.get(".rodata", 0)),
        }
    text = sum(group.text for group in groups.values()) or sections.get(".text", 0)
    rodata = sum(group.rodata for group in groups.values()) or sections.get(".rodata", 0)
    return Program(
        elf=elf,
        board=board,
        compiler=compiler,
        text_bytes=text,
        rodata_bytes=rodata,
        data_bytes=sections.get(".data", 0),
        bss_bytes=sum(sections.get(name, 0) for name in (".bss", ".arena", ".stack")),
        symbols=symbols,
        profiled=profiled,
        groups=groups,
    )


@contextmanager
def open_elf(path: Path) -> Iterator[Any]:
    """The file as pyelftools' ELFFile; ToolchainError when the package is missing."""
    try:
        from elftools.elf.elffile import ELFFile
    except ImportError as error:
        raise ToolchainError("the Python package pyelftools is missing", hint="pip install 'edgeq[emulate]'") from error
    with path.open("rb") as stream:
        yield ELFFile(stream)


def _read_elf(path: Path) -> tuple[dict[str, int], dict[str, Symbol]]:
    """Sizes of the sections that are loaded, and the symbols (global ones win over local ones)."""
    with path.open("rb") as stream:
        if stream.read(4) != b"\x7fELF":
            return {}, {}  # a host with another object format (macOS): runs, but is not measured
    with open_elf(path) as elf:
        names = [section.name for section in elf.iter_sections()]
        sections = {
            section.name: int(section["sh_size"])
            for section in elf.iter_sections()
            if section["sh_flags"] & 2  # SHF_ALLOC
        }
        found: dict[str, tuple[bool, Symbol]] = {}
        table = elf.get_section_by_name(".symtab")
        for symbol in table.iter_symbols() if table is not None else ():
            index = symbol["st_shndx"]
            if not symbol.name or symbol.name.startswith("$") or not isinstance(index, int):
                continue
            is_global = symbol["st_info"]["bind"] != "STB_LOCAL"
            if symbol.name not in found or (is_global and not found[symbol.name][0]):
                # The lowest bit of a Thumb function's address is a mode, not a place.
                is_thumb = elf["e_machine"] == "EM_ARM" and symbol["st_info"]["type"] == "STT_FUNC"
                address = int(symbol["st_value"]) & ~(1 if is_thumb else 0)
                found[symbol.name] = (
                    is_global,
                    Symbol(address, int(symbol["st_size"]), names[index]),
                )
    return sections, {name: symbol for name, (_, symbol) in found.items()}
