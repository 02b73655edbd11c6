"""Mixed precision: what the documentation says is what was recorded, and what was recorded is as claimed."""

from __future__ import annotations

import pytest

from benchmarks import mnist, tune
from edgeq.frontends.detect import load_model
from edgeq.passes.pipeline import prepare
from edgeq.quant.plan import LayerPlan
from edgeq.quant.schemes import parse_scheme
from tests.tools import need, shared


def test_the_page_has_the_recorded_figures() -> None:
    page = tune.PAGE.read_text("utf-8")
    found = tune.recorded()
    assert tune.mixed_table(found["mixed"]) in page
    assert tune.boards_table(found["boards"]) in page
    assert mnist.table(mnist.recorded()) in page


def test_recorded_plans_keep_to_their_bits() -> None:
    need("shared")
    graph = load_model(shared() / "models" / "mlperf_tiny" / tune.MODEL.rpartition("/")[2])
    prepare(graph)
    for row in tune.recorded()["mixed"]:
        chosen = {name: LayerPlan(parse_scheme(text)) for name, text in row["layers"].items()}
        bits = tune.weight_bits(graph, chosen)
        assert bits == pytest.approx(row["bits"]) and bits <= tune.BITS


def test_three_bits_per_weight_keep_their_accuracy_on_average_over_the_seeds() -> None:
    methods, seeds = tune.METHODS[-1]
    found = [row for row in tune.recorded()["mixed"] if row["methods"] == methods]
    assert [row["seed"] for row in found] == list(seeds)
    assert sum(row["accuracy"] for row in found) / len(found) >= tune.TARGET


def test_mixed_digits_beat_uniform_ones_by_more_than_chance() -> None:
    rows = mnist.recorded()
    assert len(rows) == len(mnist.SEEDS) >= 5
    found = mnist.differences(rows)
    assert found["mixed - uniform W4A4"].mean - (found["mixed - uniform W4A4"].half or 0) > 0
    assert found["trained W4A4 - float"].mean > -1
    for row in rows:
        for name in ("W4A4", "W4A8"):
            assert row[f"mixed at the flash of {name}"]["flash"] <= row[f"uniform {name}"]["flash"]
