"""Compiles C for a board and reports what came out: sizes, symbols, and whether it fits."""

from edgeq.toolchain.build import build_program
from edgeq.toolchain.compilers import Compiler, available_compilers, find_compiler
from edgeq.toolchain.ports import Port, device_port, emulator_port, host_port, serial_units
from edgeq.toolchain.program import Program, SectionBytes, Symbol, can_read_programs, section_bytes

__all__ = [
    "Compiler",
    "Port",
    "Program",
    "SectionBytes",
    "Symbol",
    "available_compilers",
    "build_program",
    "can_read_programs",
    "device_port",
    "emulator_port",
    "find_compiler",
    "host_port",
    "section_bytes",
    "serial_units",
]
