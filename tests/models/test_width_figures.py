"""What 16-bit activations bring and cost is as docs/quantization.md says."""

from __future__ import annotations

from benchmarks.mlperf_tiny import TOLERANCE, rewrite
from benchmarks.widths import ACTIVATIONS, BOARDS, MODELS, PAGE, measure, recorded, tables
from tests.tools import need

PROMISED_DB = {"int8": 18.0, "mixed:30": 25.0, "mixed": 25.0, "int16": 25.0}


def test_a_transformer_takes_what_is_recorded() -> None:
    need("shared", "unicorn", "zig", "onnxruntime", "cc")
    was, now = recorded()["CCT"]["riscv"]["mixed"], measure("CCT", "riscv", "mixed")
    worse = f"{was} -> {now}; if it must be so, run python -m benchmarks.widths"
    assert now["arena_bytes"] <= was["arena_bytes"] and now["sqnr_db"] >= was["sqnr_db"] - 0.5, worse
    assert now["instructions"] <= was["instructions"] * (1 + TOLERANCE), worse


def test_promises_are_kept() -> None:
    for model in MODELS:
        for board in BOARDS:
            for activations in ACTIVATIONS:
                assert recorded()[model][board][activations]["sqnr_db"] >= PROMISED_DB[activations], (model, board)


def test_the_page_shows_the_recorded_figures() -> None:
    page = PAGE.read_text("utf-8")
    assert "<!-- figures:widths -->" in page
    assert rewrite(page, tables(recorded())) == page, "run python -m benchmarks.widths"
