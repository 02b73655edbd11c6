"""Attention's recorded figures hold, and the pages show them."""

from __future__ import annotations

import pytest

from benchmarks.attention import BOARDS, SHAPES, accuracy, recorded, tables
from benchmarks.mlperf_tiny import ROOT, rewrite
from edgeq.boards import load_board
from edgeq.kernels.features import kernel_features
from edgeq.kernels.registry import kernels_for

TARGETS = {"cortex-m4": 2.5, "riscv": 5.0}
"""Instructions per MAC that 256 tokens in 4 heads of 16 may take."""


def test_accuracy_is_as_recorded() -> None:
    found = accuracy()
    assert found == recorded()["accuracy"], "run python -m benchmarks.attention accuracy"
    ways, keys = found["ways"], found["keys"]
    assert all(f > s > log for f, s, log in zip(ways["fused"], ways["split"], ways["log2"], strict=True))
    assert keys["smoothed"][-1] > keys["fused"][-1] + 5


@pytest.mark.parametrize("board", BOARDS)
def test_kernels_are_recorded_and_meet_their_targets(board: str) -> None:
    figures = recorded()[board]
    features = kernel_features(load_board(board))
    assert set(figures) == {k.name for k in kernels_for("attention") if k.runs_on(features) and k.parts.shape != "log2"}
    assert min(found[next(iter(SHAPES))] for found in figures.values()) <= TARGETS.get(board, 10.0)


def test_shifts_are_worth_it_where_nothing_multiplies() -> None:
    found = recorded()["shifts"]
    assert min(found, key=lambda name: found[name]) == "edgeq_attention_a8_log2__c"


@pytest.mark.parametrize("page", ["kernels", "numbers"])
def test_pages_show_the_figures(page: str) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text("utf-8")
    assert "<!-- figures:attention" in text
    assert rewrite(text, tables(recorded())) == text, "run python -m benchmarks.attention"
