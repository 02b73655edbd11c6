"""Compiles a converted folder with a harness: what verify, bench and the capacity check run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgeq.boards import Board
from edgeq.emulate.harness import render_main
from edgeq.toolchain import Program, build_program, section_bytes


def build_folder(
    folder: Path,
    manifest: Mapping[str, Any],
    board: Board,
    work_dir: Path,
    *,
    compiler: str = "auto",
    profile: bool = False,
    sanitize: bool = False,
) -> Program:
    """The folder's sources linked with the harness of `board`'s kind. Raises ToolchainError, CapacityError."""
    return build_program(
        [folder / source for source in manifest["sources"]],
        [folder / include for include in manifest["include_dirs"]],
        board,
        compiler=compiler,
        optimize=manifest["optimize"],
        defines={"EDGEQ_PROFILE": "1"} if profile else {},
        main=render_main(manifest, "host" if board.is_host else "emulator"),
        work_dir=work_dir,
        sanitize=sanitize,
    )


def model_bytes(program: Program) -> tuple[int, int]:
    """(code, constants) of the model, the runtime and the compiler's helpers (memcpy, long multiply); no harness."""
    if not program.groups:
        return program.text_bytes, program.rodata_bytes
    parts = [section_bytes(program, group) for group in ("model", "library")]
    return sum(p.text for p in parts), sum(p.rodata for p in parts)
