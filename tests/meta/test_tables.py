"""The tables of README.md and docs/ equal the registries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgeq.boards import list_boards
from edgeq.errors import EdgeqError, UsageError
from edgeq.kernels import kernels, kernels_for
from edgeq.kernels.names import KernelName, parse_kernel_name
from edgeq.ops import operator, operators
from edgeq.report.tables import (
    board_table,
    exit_code_table,
    operator_table,
    render_all,
    rewrite,
    stale_tables,
)
from tests.tools import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_equal_the_registries(page: Path) -> None:
    assert stale_tables(page.read_text("utf-8"), render_all()) == []


def test_every_row_is_in_its_table() -> None:
    tables = render_all()
    assert all(f"| `{row.name}` |" in tables["operators"] for row in operators())
    assert all(f"`{kernel.name}`" in tables["kernels"] for kernel in kernels())
    assert all(f"`{board.name}`" in tables["boards"] for board in list_boards())
    assert all(
        f"| {error.exit_code} | `{error.__name__}` |" in tables["exit_codes"] for error in EdgeqError.__subclasses__()
    )


def test_a_new_row_changes_its_table() -> None:
    rows = [operator("dense")]
    before = operator_table(rows, kernels_for("dense"))
    faster = replace(kernels_for("dense")[0], name="edgeq_dense_a8_wp3__mve", isa=("dsp",))
    after = operator_table(rows, [*kernels_for("dense"), faster])
    assert "wp3 (mve)" in after and "wp3" not in before
    board = list_boards()[0]
    assert board_table([board]) != board_table([board, replace(board, name="next")])


def test_a_stale_table_is_named_and_rewritten() -> None:
    tables = {"exit_codes": exit_code_table()}
    page = "Codes:\n\n<!-- table:exit_codes -->\n| 0 | all is well |\n<!-- /table:exit_codes -->\n\nEnd.\n"
    (complaint,) = stale_tables(page, tables)
    assert "'exit_codes' differs" in complaint
    fresh = rewrite(page, tables)
    assert stale_tables(fresh, tables) == []
    assert fresh.startswith("Codes:\n\n<!--") and fresh.endswith("-->\n\nEnd.\n")


def test_an_unknown_or_open_table_is_named() -> None:
    tables = {"boards": "x\n"}
    assert "not known" in stale_tables("<!-- table:board -->\n<!-- /table:board -->", tables)[0]
    assert "not closed" in stale_tables("<!-- table:boards -->\nx\n", tables)[0]
    with pytest.raises(UsageError, match="no table 'board'"):
        rewrite("<!-- table:board -->\n<!-- /table:board -->", tables)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("edgeq_conv2d_a8_w4_1x1__dsp", KernelName("conv2d", "a8", "w4", "1x1", "dsp")),
        ("edgeq_depthwise_conv2d_a8_w8__c", KernelName("depthwise_conv2d", "a8", "w8", None, "c")),
        ("edgeq_max_pool2d_a8__c", KernelName("max_pool2d", "a8", None, None, "c")),
        ("edgeq_add_a16__mve", KernelName("add", "a16", None, None, "mve")),
        ("edgeq_dense_a1_w1_levels__rvzbb", KernelName("dense", "a1", "w1", "levels", "rvzbb")),
        ("edgeq_dense_au2_wt5_levels__c", KernelName("dense", "au2", "wt5", "levels", "c")),
        ("edgeq_dense_a8_wtx2g__c", KernelName("dense", "a8", "wtx2g", None, "c")),
        ("edgeq_conv2d_ax_w8_levels__c", KernelName("conv2d", "ax", "w8", "levels", "c")),
    ],
)
def test_kernel_names_are_read(name: str, parts: KernelName) -> None:
    assert parse_kernel_name(name) == parts


@pytest.mark.parametrize(
    "name",
    [
        "conv2d_a8_w8__c",
        "edgeq_conv2d_w8__c",
        "edgeq_conv2d_a8_w8_c",
        "edgeq_conv2d_a8_w8__",
        "edgeq_Conv_a8_w8__c",
        "edgeq_conv2d_a8_w9__c",
    ],
)
def test_other_kernel_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="does not read"):
        parse_kernel_name(name)
