"""The figures of attention over binary codes: recorded, in the documentation, and still what the kernels take."""

from __future__ import annotations

import pytest

from benchmarks.linear_attention import PAGE, kernel_figures, recorded, tables
from benchmarks.mlperf_tiny import TOLERANCE
from edgeq.kernels.registry import kernels_for
from tests.tools import need


def test_the_page_has_the_recorded_figures() -> None:
    figures, text = recorded(), PAGE.read_text("utf-8")
    assert {kernel.name for kernel in kernels_for("linear_attention")} == set(figures["kernels"])
    for name, table in tables(figures).items():
        assert f"<!-- figures:{name} -->\n{table}<!-- /figures:{name} -->" in text


@pytest.mark.tools
@pytest.mark.parametrize("board", ["cortex-m4", "riscv"])
def test_kernels_take_what_is_recorded(board: str) -> None:
    """Compilers of other versions may differ a little."""
    need("cc", "zig", "unicorn")
    for name, boards in recorded()["kernels"].items():
        fresh = kernel_figures(board, name)
        assert fresh["scratch_bytes"] == boards[board]["scratch_bytes"]
        assert abs(fresh["instructions"] / boards[board]["instructions"] - 1) <= TOLERANCE
