"""What is installed on this machine, what each part enables, and how to get what is missing."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from io import StringIO
from typing import Any

from edgeq.boards import list_boards
from edgeq.emulate.rtl_cores import rtl_packages
from edgeq.emulate.runners import runners_for
from edgeq.errors import EdgeqError
from edgeq.toolchain.compilers import available_compilers, tool_version

_PACKAGES = (
    ("ziglang", "emulate", "compiles for every board"),
    ("unicorn", "emulate", "runs Cortex-M0 to M33 and RV32IMC firmware, with exact instruction counts"),
    ("capstone", "emulate", "finds instructions that a core lacks"),
    ("pyelftools", "emulate", "reads sizes and symbols of what was compiled"),
    ("ai-edge-litert", "reference", "verifies TFLite models against their original"),
    ("onnxruntime", "reference", "verifies ONNX models against their original"),
    ("torch", "train", "quantization-aware training"),
    ("pyserial", "device", "talks to boards over a serial port or a socket"),
    ("cobs", "device", "frames of the device link"),
    *((package, "rtl", "the Verilog of RISC-V cores, for exact cycles") for package in rtl_packages()),
)
"""Package, extra of edgeq that brings it, what it enables."""

_PROGRAMS = (
    ("gcc", "gcc", "host builds"),
    ("clang", "clang", "host builds with a second compiler"),
    ("arm-none-eabi-gcc", "gcc-arm-none-eabi", "Cortex-M builds with a second compiler"),
    ("riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf", "RISC-V builds with a second compiler"),
    ("qemu-system-arm", "qemu-system-arm", "runs Cortex-M55 firmware; a second emulator for the other cores"),
    ("verilator", "verilator", "simulates RISC-V cores cycle by cycle"),
    ("qemu-system-riscv32", "qemu-system-misc", "runs RISC-V firmware with Zbb; a second emulator for RV32IMC"),
)
"""Program, Debian package, what it enables."""


@dataclass(frozen=True)
class Part:
    """One package or program. version: None when it is missing. install: the command that brings it."""

    name: str
    version: str | None
    enables: str
    install: str


@dataclass(frozen=True)
class BoardStatus:
    """What can be done for a board on this machine; empty lists mean that it cannot."""

    board: str
    compilers: list[str]
    runners: list[str]


@dataclass(frozen=True)
class Diagnosis:
    """All of it."""

    parts: list[Part]
    boards: list[BoardStatus]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def diagnose() -> Diagnosis:
    """Looks at this machine. Never raises: what cannot be asked counts as missing."""
    parts = [
        Part(name, _package_version(name), enables, f"pip install 'edgeq[{extra}]'")
        for name, extra, enables in _PACKAGES
    ]
    parts += [
        Part(name, _program_version(name), enables, f"apt install {package}") for name, package, enables in _PROGRAMS
    ]
    return Diagnosis(parts, list(_board_statuses()))


def report(diagnosis: Diagnosis, width: int = 120) -> str:
    """The diagnosis as text: one table of parts, one of boards, and what to install for more."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    parts = Table("part", "version", "enables", "install with", box=box.SIMPLE)
    for part in diagnosis.parts:
        parts.add_row(part.name, part.version or "-", part.enables, "" if part.version else part.install)
    boards = Table("board", "compilers", "runners", box=box.SIMPLE)
    for status in diagnosis.boards:
        boards.add_row(status.board, ", ".join(status.compilers) or "-", ", ".join(status.runners) or "-")
    text = StringIO()
    console = Console(file=text, width=width)
    console.print(parts)
    console.print(boards)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def _package_version(name: str) -> str | None:
    return _or_none(lambda: importlib.metadata.version(name))


def _program_version(name: str) -> str | None:
    path = shutil.which(name)
    if path is None:
        return None
    line = _or_none(lambda: tool_version((path, "--version"))) or "unknown"
    # "gcc (Debian 12.2.0-14) 12.2.0": the packager's own version is in the brackets.
    number = re.search(r"\d+(\.\d+)+", re.sub(r"\(.*?\)", "", line))
    return number.group() if number else line


def _or_none(ask: Callable[[], str | None]) -> str | None:
    try:
        return ask()
    except (OSError, importlib.metadata.PackageNotFoundError):
        return None


def _board_statuses() -> Iterable[BoardStatus]:
    try:
        boards = list_boards()
    except EdgeqError:
        return  # a broken board file is reported by every command that reads it
    for board in boards:
        yield BoardStatus(
            board.name,
            [str(compiler) for compiler in available_compilers(board)],
            [runner.name for runner in runners_for(board)],
        )
