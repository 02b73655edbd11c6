"""The recorded costs hold, and the README shows them."""

from __future__ import annotations

import pytest

from benchmarks.mlperf_tiny import (
    BOARDS,
    DEAD,
    GOALS,
    NARROWED,
    PEER,
    ROOT,
    TOLERANCE,
    measure,
    recorded,
    rewrite,
    tables,
)
from tests.tools import need


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("model", ["ad", "kws"])
@pytest.mark.parametrize("board", BOARDS)
def test_no_cost_is_worse_than_recorded(model: str, board: str, goal: str) -> None:
    need("shared", "zig", {"cortex-m55": "qemu-arm", "riscv-rvv": "qemu-riscv"}.get(board, "unicorn"))
    was, now = recorded()[board][model][goal], measure(model, board, goal)
    for key in ("instructions", "text_bytes", "rodata_bytes", "arena_bytes", "stack_bytes"):
        worse = f"{key}: {was[key]} -> {now[key]} ({now['compiler']}); if it must be so, run make bench"
        assert now[key] <= was[key] * (1 + TOLERANCE), worse


def test_readme_shows_the_recorded_figures() -> None:
    page = (ROOT / "README.md").read_text("utf-8")
    assert "<!-- figures:instructions -->" in page and "<!-- figures:sizes -->" in page
    assert rewrite(page, tables(recorded())) == page, "run make bench"


SHARES = {
    "cortex-m0plus": {"ic": 0.55, "kws": 0.55, "vww": 0.55, "ad": 0.65},
    "cortex-m3": {"ic": 0.70, "kws": 0.65, "vww": 0.60, "ad": 0.70},
    "cortex-m4": {"ic": 0.52, "kws": 0.50, "vww": 0.52, "ad": 0.50},
    "cortex-m7": {"ic": 0.52, "kws": 0.50, "vww": 0.52, "ad": 0.50},
    "cortex-m55": {"ic": 0.80, "kws": 0.75, "vww": 0.75, "ad": 0.90},
}
"""The most that a network may take of CMSIS-NN's instructions."""


@pytest.mark.parametrize("board", PEER["instructions"])
def test_recorded_instructions_are_a_share_of_those_of_cmsis_nn(board: str) -> None:
    for model, peer in PEER["instructions"][board].items():
        assert recorded()[board][model]["speed"]["instructions"] <= SHARES[board][model] * peer, model


def test_recorded_code_is_smaller_than_that_of_cmsis_nn() -> None:
    for board, row in PEER["text_bytes"].items():
        for model, peer in row.items():
            for goal, share in (("size", 0.6), ("speed", 1.0)):
                assert recorded()[board][model][goal]["text_bytes"] <= share * peer, (board, model, goal)


def test_riscv_stays_under_five_instructions_per_mac() -> None:
    figure = recorded()["riscv"]["ic"]["speed"]
    assert figure["instructions"] / figure["macs"] < 5


@pytest.mark.parametrize("model", DEAD)
@pytest.mark.parametrize("board", BOARDS)
def test_recorded_costs_without_dead_channels(board: str, model: str) -> None:
    """Half of the MACs go, but from the cheap end: the first ten layers, which stay whole, take more per MAC."""
    whole, rest = (recorded()[board][model][goal] for goal in ("speed", NARROWED))
    assert rest["macs"] <= 0.51 * whole["macs"]
    assert rest["instructions"] <= {"cortex-m55": 0.71, "riscv-rvv": 0.78}.get(board, 0.63) * whole["instructions"]
    assert rest["rodata_bytes"] <= 0.20 * whole["rodata_bytes"]
