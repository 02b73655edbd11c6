"""The firmware holds no float, no allocation, no printing and no division, not even by the compiler's helpers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgeq.boards import load_board
from edgeq.build import build_folder
from edgeq.pipeline import compile_model
from tests.models.test_reference_models import MODELS
from tests.tools import need, shared

FORBIDDEN = re.compile(
    r"__aeabi_[fd]|__(add|sub|mul|div|neg|fix|fixuns|float|floatun|extend|trunc|eq|ne|lt|le|gt|ge|unord)\w*[sdt]f"
    r"|malloc|calloc|realloc|free|s?n?printf|puts"
    r"|__aeabi_u?[il]div|__u?(div|mod|divmod)[sd]i"
)


def forbidden(names: list[str]) -> list[str]:
    return [name for name in names if FORBIDDEN.match(name)]


def test_the_lint_sees_what_it_looks_for() -> None:
    bad = [
        "__aeabi_fmul",
        "__aeabi_d2iz",
        "__mulsf3",
        "__floatsidf",
        "malloc",
        "printf",
        "__aeabi_uidivmod",
        "__udivsi3",
    ]
    assert forbidden([*bad, "memcpy", "__aeabi_lmul", "__muldi3", "edgeq_mul_a8__c", "__mulsi3"]) == bad


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
@pytest.mark.parametrize("board", ["cortex-m0plus", "rv32im"])  # no float unit, no divider on the first
@pytest.mark.parametrize("model", ["ic", "kws", "micro_speech"])
def test_no_float_no_division_no_allocation(model: str, board: str, compiler: str, tmp_path: Path) -> None:
    tool = {"zig": "zig", "gcc": "gcc-arm" if board.startswith("cortex") else "gcc-riscv"}[compiler]
    need("shared", "unicorn", tool)
    result = compile_model(
        shared() / "models" / MODELS[model], board, out=tmp_path / "m", name=model, compiler=compiler
    )
    program = build_folder(result.dir, result.manifest, load_board(board), tmp_path, compiler=compiler)
    assert len(program.symbols) > 10
    assert forbidden(list(program.symbols)) == []
