"""Compiles C for a board and reports what came out: sizes, symbols, and whether it fits."""

from edgeq.toolchain.build import build_program
from edgeq.toolchain.compilers import Compiler, available_compilers, find_compiler
from edgeq.toolchain.program import Program, SectionBytes, Symbol, can_read_programs, section_bytes

__all__ = [
    "Compiler",
    "Program",
    "SectionBytes",
    "Symbol",
    "available_compilers",
    "build_program",
    "can_read_programs",
    "find_compiler",
    "section_bytes",
]
