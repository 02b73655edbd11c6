"""Layers that end in thresholds or sums: every kernel gives the operator's integers, on the host under sanitizers."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from edgeq.formats import number_format
from edgeq.kernels.matching import takes
from edgeq.kernels.registry import Kernel, kernels
from tests.kernels.cases import Case, make_levels_case
from tests.kernels.host_runner import host_program, run_on_host

ROWS = [k for k in kernels() if k.epilogue == "levels"]
ACTIVATIONS = ("a1", "a2", "a4", "a8", "au1", "au2", "au4")
OUTPUTS = ("a1", "a2", "au1", "au2", "a4", "au4", "a8", "sums")
SHAPES: dict[str, list[tuple[tuple[int, ...], tuple[int, ...], dict[str, object]]]] = {
    "dense": [
        ((1, 64), (10, 64), {}),
        ((1, 1), (1, 1), {}),
        ((1, 33), (7, 33), {}),
        ((3, 100), (37, 100), {}),
        ((1, 256), (64, 256), {}),
    ],
    "conv2d": [
        ((1, 5, 6, 8), (16, 3, 3, 8), {"pads": (1, 1, 1, 1)}),
        ((1, 4, 4, 64), (33, 1, 1, 64), {}),
        ((1, 7, 5, 3), (5, 3, 2, 3), {"strides": (2, 1), "pads": (1, 0, 1, 1)}),
        ((1, 1, 20, 13), (21, 1, 5, 13), {"dilations": (1, 2), "pads": (0, 4, 0, 4)}),
        ((1, 4, 4, 6), (9, 3, 3, 2), {"groups": 3, "pads": (1, 1, 1, 1)}),
        ((1, 6, 6, 32), (40, 3, 3, 32), {"pads": (1, 1, 1, 1)}),
    ],
    "depthwise_conv2d": [
        ((1, 5, 5, 16), (3, 3, 16), {"pads": (1, 1, 1, 1)}),
        ((1, 6, 4, 7), (3, 2, 7), {"strides": (2, 2)}),
        ((1, 4, 4, 5), (2, 2, 10), {}),
        ((1, 8, 8, 40), (3, 3, 40), {"pads": (1, 1, 1, 1)}),
    ],
}


def cases(kernel: Kernel) -> list[Case]:
    """Layers that the kernel takes, over its activations, weights, outputs and thresholds."""
    name = kernel.parts
    assert name.weights is not None
    found = []
    for number, (x, w, attrs) in enumerate(SHAPES[kernel.op]):
        for position, inputs in enumerate(ACTIVATIONS if name.activations == "ax" else (name.activations,)):
            for turn in range(2):
                seed = 100 * number + 10 * position + turn
                case = make_levels_case(
                    kernel.op,
                    x,
                    w,
                    seed,
                    inputs=inputs,
                    weights=name.weights,
                    output=OUTPUTS[(number + 3 * position + 5 * turn) % len(OUTPUTS)],
                    shared=seed % 3 == 0,
                    wide=seed % 2 == 0,
                    bias=turn == 1,
                    **attrs,
                )
                if takes(kernel, case.node) and kernel.accepts(case.facts):
                    found.append(case)
    return found


def test_every_weight_format_of_a_row_is_registered() -> None:
    for kernel in ROWS:
        assert number_format(str(kernel.parts.weights)).role == "weights"


@pytest.mark.parametrize("kernel", ROWS, ids=lambda k: k.name)
def test_levels_on_the_host(kernel: Kernel, tmp_path: Path) -> None:
    compiler = next((c for c in ("gcc", "clang") if shutil.which(c)), None)
    if compiler is None or kernel.parts.isa != "c":
        pytest.skip("needs gcc or clang, and a kernel in portable C")
    program = host_program(kernel, compiler, tmp_path)
    tried = cases(kernel)
    assert tried, "no layer of the list fits this kernel"
    for case in tried:
        np.testing.assert_array_equal(run_on_host(kernel, case, program), case.expected(), err_msg=str(case.node.attrs))
