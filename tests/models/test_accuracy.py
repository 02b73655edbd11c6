"""What methods of quantization keep of keyword spotting: the recorded accuracies reach their targets, and hold."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.accuracy import CALIBRATION, PAGE, REACHES, SEEDS, TARGETS, WIDTHS, figures, recorded, score
from benchmarks.mlperf_tiny import models_dir, rewrite
from benchmarks.ptq import MODEL, utterances
from edgeq.calibrate import calibrated_graph
from edgeq.frontends.detect import load_model
from edgeq.ops.execute import run_integer
from edgeq.passes.pipeline import prepare, to_integer
from edgeq.quant.apply import Settings
from edgeq.quant.plan import Plan
from edgeq.quant.schemes import parse_scheme, plan_weights
from tests.tools import need


def test_the_page_shows_the_recorded_figures() -> None:
    page = PAGE.read_text("utf-8")
    assert "<!-- figures:accuracy -->" in page and "<!-- figures:methods -->" in page
    assert rewrite(page, figures(recorded())) == page, "run python -m benchmarks.accuracy kws"


@pytest.mark.parametrize("weights", WIDTHS)
def test_targets_are_reached_with_every_recorded_seed(weights: str) -> None:
    found = [r for r in recorded() if (r["weights"], r["methods"]) == (weights, REACHES[weights])]
    assert found and {r["seed"] for r in found} <= set(SEEDS)
    assert min(r["accuracy"] for r in found) >= TARGETS[weights]


def test_three_bits_by_numpy_alone_are_as_recorded() -> None:
    """The integer graph that `convert` would make, without the C; half of the utterances that were scored."""
    need("shared")
    graph = load_model(models_dir() / MODEL)
    prepare(graph)
    scheme = parse_scheme("int3")
    plan = Plan.of_weights(plan_weights(graph, scheme, scheme))
    real, labels = utterances()
    integer = calibrated_graph(graph, {"inputs": real[:CALIBRATION]}, plan, Settings("better"))
    to_integer(integer)
    x = integer.inputs[0]
    some = slice(CALIBRATION, CALIBRATION + 372)
    given = real[some].reshape(-1, *x.shape[1:]).astype(np.float64)
    found = score(integer, run_integer, x.quantization.quantize(given, x.type.dtype))
    (row,) = [r for r in recorded() if (r["weights"], r["methods"]) == ("int3", "better")]
    assert abs(float((found == labels[some]).mean()) - row["accuracy"]) < 0.03
