"""Small weights with one scale for all channels store one factor, and give the same integers."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks.kernels import of_format
from edgeq.kernels.registry import Kernel, kernels
from edgeq.ops import operator
from tests.kernels.cases import Case, make_case
from tests.kernels.host_runner import host_program, run_on_host

ROWS = [k for k in kernels() if k.layout.startswith(("channel_rows_", "dense_table_", "conv_table_"))]
SHAPES = {
    "dense": ((2, 37), (11, 37), {}),
    "conv2d": ((1, 6, 5, 7), (9, 3, 3, 7), {"pads": (1, 1, 1, 1)}),
    "depthwise_conv2d": ((1, 6, 5, 7), (3, 3, 7), {"pads": (1, 1, 1, 1)}),
}


def one_factor(case: Case) -> Case:
    """The case with the first channel's factor in every channel."""
    params = case.node.params
    for key in ("multiplier", "shift"):
        params[key] = np.full_like(params[key], params[key][0])
    return case


@pytest.mark.parametrize("kernel", ROWS, ids=lambda k: k.name)
def test_one_factor_for_all_channels(kernel: Kernel, tmp_path: Path) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    x, w, attrs = SHAPES[kernel.op]
    program = host_program(kernel, "gcc", tmp_path)
    for seed in range(4):
        case = one_factor(of_format(make_case(kernel.op, x, w, seed, **attrs), str(kernel.parts.weights)))
        assert case.params(kernel)["shift"].size == 0
        np.testing.assert_array_equal(run_on_host(kernel, case, program), case.expected())


@pytest.mark.parametrize("op", ["dense", "conv2d"])
@pytest.mark.parametrize("width", [64, 256])
def test_ternary_layers_take_less_than_1_7_bits_with_their_scale(op: str, width: int) -> None:
    shapes = ((1, width), (width, width)) if op == "dense" else ((1, 4, 4, width), (width, 3, 3, width))
    case = one_factor(of_format(make_case(op, *shapes), "wt5"))
    weights = case.node.params["weights"].size
    for kernel in ROWS:
        if kernel.op == op and kernel.parts.weights == "wt5" and kernel.accepts(operator(op).facts(case.node)):
            stored = case.params(kernel)
            taken = sum(stored[key].nbytes for key in ("weights", "multiplier", "shift"))
            assert 8 * taken / weights <= 1.7, kernel.name
