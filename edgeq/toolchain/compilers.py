"""Finds compilers and knows their flags."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from edgeq.boards import Board
from edgeq.errors import ToolchainError, UsageError

CHOICES = ("auto", "zig", "gcc", "clang")
"""What a user may ask for; "auto" takes the first that is there, in the order of `_candidates`."""

OPTIMIZE: dict[str, dict[str, str]] = {
    "size": {"zig": "-Os", "gcc": "-Os", "clang": "-Os"},
    "balanced": {"zig": "-O2", "gcc": "-O2", "clang": "-O2"},
    "speed": {"zig": "-O3", "gcc": "-O3", "clang": "-O3"},
}
"""The -O level of each setting, per compiler. On ResNet8 for Cortex-M4, M0+ and RV32IMC, gcc's -O2 runs 4 to 10 % fewer
instructions than -Os for about 0.5 KB more code, -O3 another 3 to 5 % for 1 to 1.4 KB. Zig's -O3 equals its -O2, which
runs 2 to 7 % fewer than -Os, for up to 4.5 KB on Arm (it unrolls) and 0.2 KB on RISC-V."""

COMPILE_FLAGS = (
    "-std=c99",
    "-g",  # with -g0 zig strips the symbol table
    "-ffp-contract=off",  # fused multiply-add would change the bits of float kernels
    "-ffunction-sections",
    "-fdata-sections",
    "-fomit-frame-pointer",
    "-fno-asynchronous-unwind-tables",
    "-fno-unwind-tables",
)


@dataclass(frozen=True)
class Compiler:
    """A C compiler that was found. kind: "zig", "gcc" or "clang"."""

    kind: str
    command: tuple[str, ...]
    version: str

    def __str__(self) -> str:
        return f"{self.kind} {self.version}"

    def optimize(self, setting: str) -> str:
        """The -O flag for "size", "balanced" or "speed"."""
        if setting not in OPTIMIZE:
            raise UsageError(f"cannot optimize for {setting!r}", hint=f"one of {', '.join(OPTIMIZE)}")
        return OPTIMIZE[setting][self.kind]

    def target_flags(self, board: Board) -> list[str]:
        """Flags that select the board's processor, for compiling."""
        if board.is_host:
            # Zig turns its own sanitizer on in debug builds.
            return ["-fno-sanitize=undefined"] if self.kind == "zig" else []
        if self.kind == "zig":
            assert board.zig is not None
            return [
                "-target",
                board.zig.target,
                f"-mcpu={board.zig.mcpu}",
                "-fno-sanitize=undefined",
                "-ffreestanding",
                *board.zig.flags,
            ]
        assert board.gcc is not None
        return ["-ffreestanding", *board.gcc.compile]

    def link_flags(self, board: Board) -> list[str]:
        """Flags that select the board's processor and libraries, for linking."""
        if board.is_host:
            return self.target_flags(board)
        if self.kind == "zig":  # compiler_rt links by itself, unless -nostdlib forbids it
            return [*self.target_flags(board), "-nostartfiles"]
        assert board.gcc is not None
        return [*board.gcc.link, "-nostdlib", "-nostartfiles"]

    def libraries(self, board: Board) -> list[str]:
        """What stands after the objects on the link line."""
        return [] if board.is_host or self.kind == "zig" else ["-lgcc"]


def zig_command() -> tuple[str, ...] | None:
    """The zig of the pip package `ziglang`, else one on the PATH; None when there is neither."""
    spec = importlib.util.find_spec("ziglang")
    if spec is not None and spec.origin is not None:
        for name in ("zig", "zig.exe"):
            binary = Path(spec.origin).parent / name
            if binary.is_file():
                return (str(binary),)
    path = shutil.which("zig")
    return None if path is None else (path,)


@cache
def tool_version(command: tuple[str, ...]) -> str | None:
    """The first line that COMMAND prints, or None when it is not there or fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.strip().splitlines()
    return lines[0] if done.returncode == 0 and lines else None


def _find(kind: str, board: Board) -> Compiler | None:
    if kind == "zig":
        zig = zig_command()
        if zig is None or (board.zig is None and not board.is_host):
            return None
        version = tool_version((*zig, "version"))
        return None if version is None else Compiler("zig", (*zig, "cc"), version)
    if kind == "clang" and not board.is_host:
        return None
    if kind == "gcc" and board.gcc is None and not board.is_host:
        return None
    prefix = "" if board.gcc is None else board.gcc.prefix
    path = shutil.which(f"{prefix}{kind}")
    if path is None:
        return None
    version = tool_version((path, "-dumpfullversion" if kind == "gcc" else "-dumpversion"))
    return None if version is None else Compiler(kind, (path,), version)


def _candidates(board: Board) -> tuple[str, ...]:
    return ("gcc", "clang", "zig") if board.is_host else ("zig", "gcc")


def available_compilers(board: Board) -> list[Compiler]:
    """Every compiler on this machine that can build for the board, the default first."""
    return [found for kind in _candidates(board) if (found := _find(kind, board)) is not None]


def find_compiler(board: Board, wanted: str = "auto") -> Compiler:
    """The compiler to build with; ToolchainError says how to get one when it is missing."""
    if wanted not in CHOICES:
        raise UsageError(f"unknown compiler {wanted!r}", hint=f"one of {', '.join(CHOICES)}")
    for kind in _candidates(board) if wanted == "auto" else (wanted,):
        found = _find(kind, board)
        if found is not None:
            return found
    what = "no compiler" if wanted == "auto" else f"no {wanted}"
    raise ToolchainError(f"{what} for board {board.name} on this machine", hint=_advice(board, wanted))


def _advice(board: Board, wanted: str) -> str:
    if board.is_host:
        return "install gcc or clang, or `pip install ziglang`"
    if wanted == "clang":
        return "clang builds for the host only; `--compiler zig` is clang for boards"
    offers = []
    if wanted in ("auto", "zig") and board.zig is not None:
        offers.append("`pip install 'edgeq[emulate]'` (brings zig)")
    if wanted in ("auto", "gcc") and board.gcc is not None:
        package = DEBIAN_PACKAGES.get(board.gcc.prefix, f"{board.gcc.prefix}gcc")
        offers.append(f"`apt install {package}`")
    return " or ".join(offers) or f"the board file has no [{wanted}] table"


DEBIAN_PACKAGES = {
    "arm-none-eabi-": "gcc-arm-none-eabi",
    "riscv64-unknown-elf-": "gcc-riscv64-unknown-elf",
}
