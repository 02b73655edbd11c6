"""The loadable parts of an ELF file, and where its code is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeq.toolchain.program import open_elf

_ALLOCATED, _EXECUTABLE = 2, 4


@dataclass(frozen=True)
class Image:
    """entry: first instruction. segments: (load address, bytes). code: executable bytes, without the
    constants between functions that Arm compilers put there."""

    entry: int
    segments: list[tuple[int, bytes]]
    code: list[tuple[int, bytes]]


def read_image(path: Path) -> Image:
    """Reads a linked program."""
    with open_elf(path) as elf:
        segments = [
            (int(segment["p_paddr"]), bytes(segment.data()))
            for segment in elf.iter_segments("PT_LOAD")
            if segment["p_filesz"]
        ]
        symbols = elf.get_section_by_name(".symtab")
        # Mapping symbols: $t and $x start code, $d starts data (possibly $d.12).
        marks = sorted(
            (int(symbol["st_value"]), symbol.name[1])
            for symbol in symbols.iter_symbols()
            if symbol.name[:2] in ("$t", "$x", "$d")
        )
        code = []
        for section in elf.iter_sections():
            if section["sh_flags"] & _EXECUTABLE and section["sh_flags"] & _ALLOCATED:
                start, data = int(section["sh_addr"]), bytes(section.data())
                code += _code_in(start, data, marks)
        return Image(int(elf["e_entry"]), segments, code)


def _code_in(start: int, data: bytes, marks: list[tuple[int, str]]) -> list[tuple[int, bytes]]:
    inside = [(at, kind) for at, kind in marks if start <= at < start + len(data)]
    if not inside:
        return [(start, data)]
    ends = [at for at, _ in inside[1:]] + [start + len(data)]
    return [
        (at, data[at - start : end - start])
        for (at, kind), end in zip(inside, ends, strict=True)
        if kind != "d" and end > at
    ]
