"""The hand-written model of tiny/, its independent reference, and how to build it."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path

from edgeq import resources
from edgeq.boards import Board, list_cores
from edgeq.emulate import render_main
from edgeq.toolchain import Program, build_program
from tests.tools import need

FOLDER = Path(__file__).parent / "tiny"
MANIFEST = json.loads((FOLDER / "tiny.json").read_text(encoding="utf-8"))
SAMPLE_BYTES, OUTPUT_BYTES = 20, 24
_WEIGHTS = (3, -1, 4, 1, -5, 9, -2, 6, 5, -3, 5, 8, -9, 7, 9, -3)

BOARDS = [board for board in list_cores() if not board.is_host]
NO_UNICORN = {"cortex-m55", "riscv-rvv", "riscv-zbb"}


def samples(count: int) -> list[bytes]:
    """The same random samples on every machine."""
    source = random.Random(20)
    return [bytes(source.randrange(256) for _ in range(SAMPLE_BYTES)) for _ in range(count)]


def expected(sample: bytes) -> bytes:
    """The outputs of one sample, computed in Python."""
    values = struct.unpack("<20b", sample)
    inputs, bias = values[:16], values[16:]
    scaled = [max(-128, min(127, x * w + bias[i & 3])) for i, (x, w) in enumerate(zip(inputs, _WEIGHTS, strict=True))]
    total = sum(value * (i + 1) for i, value in enumerate(scaled))
    quotient = (total & 0xFFFFFFFF) // (7 + (total & 3))
    return struct.pack("<16biI", *scaled, total, quotient)


def expected_steps(sample: bytes) -> list[bytes]:
    """What each of the three steps writes."""
    output = expected(sample)
    return [output[:16], output[16:20], output[20:]]


def build(
    board: Board,
    folder: Path,
    compiler: str = "zig",
    optimize: str = "balanced",
    profile: bool = True,
    sanitize: bool = False,
    **defines: str,
) -> Program:
    """The model as a program. defines: TINY_* faults to order, or a frame size."""
    return build_program(
        [FOLDER / "tiny.c"],
        [FOLDER, resources.runtime_dir() / "include"],
        board,
        compiler=compiler,
        optimize=optimize,
        defines={**defines, **({"EDGEQ_PROFILE": "1"} if profile else {})},
        main=render_main(MANIFEST, "host" if board.is_host else "emulator"),
        work_dir=folder,
        sanitize=sanitize,
    )


def need_compiler(board: Board, compiler: str) -> None:
    """Skips unless the compiler is there."""
    gcc = {"arm": "gcc-arm", "riscv": "gcc-riscv", "host": "gcc"}[board.arch]
    need("unicorn", {"zig": "zig", "gcc": gcc, "clang": "clang"}[compiler])


def need_runner(board: Board, runner: str) -> None:
    """Skips unless the runner is there."""
    need("unicorn")
    if runner == "qemu":
        need("qemu-arm" if board.arch == "arm" else "qemu-riscv")


def runners(board: Board) -> list[str]:
    """The names of the runners that can run a board, whether or not they are installed."""
    return ["qemu"] if board.name in NO_UNICORN else ["unicorn", "qemu"]
