"""Weights in groups: every kernel gives the operator's integers, on the host under sanitizers and on emulated cores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.boards import load_board
from edgeq.errors import InternalError
from edgeq.kernels.features import kernel_features
from edgeq.kernels.layouts import LAYOUTS
from edgeq.kernels.matching import takes
from edgeq.kernels.registry import Kernel, kernels
from tests.kernels.cases import Case, make_grouped_case
from tests.kernels.host_runner import host_program, run_on_host
from tests.tools import need

ROWS = [k for k in kernels() if k.parts.grouped]
SAME = (1, 1, 1, 1)
SHAPES: list[tuple[str, tuple[int, ...], tuple[int, ...], int, dict[str, object]]] = [
    ("dense", (1, 64), (10, 64), 32, {}),
    ("dense", (1, 1), (1, 1), 1, {}),
    ("dense", (3, 100), (7, 100), 32, {}),
    ("dense", (1, 300), (5, 300), 128, {}),
    ("dense", (2, 290), (3, 290), 280, {}),
    ("dense", (1, 37), (4, 37), 5, {}),
    ("dense", (1, 40), (6, 40), 100, {}),
    ("conv2d", (1, 5, 4, 64), (9, 1, 1, 64), 32, {}),
    ("conv2d", (1, 4, 4, 13), (6, 1, 1, 13), 4, {"strides": (2, 3), "pads": (1, 0, 0, 1)}),
    ("conv2d", (1, 5, 6, 8), (4, 3, 3, 8), 32, {"pads": SAME}),
    ("conv2d", (1, 7, 5, 3), (5, 3, 2, 3), 7, {"strides": (2, 1), "pads": (1, 0, 1, 1)}),
    ("conv2d", (1, 1, 20, 13), (3, 1, 5, 13), 16, {"dilations": (1, 2), "pads": (0, 4, 0, 4)}),
    ("conv2d", (1, 4, 4, 6), (9, 3, 3, 2), 8, {"groups": 3, "pads": SAME}),
    ("conv2d", (1, 4, 4, 20), (4, 3, 3, 20), 150, {"pads": SAME}),
]


def layers(kernel: Kernel) -> list[Case]:
    """Layers of every shape with weights of the kernel's format; each a second time at the ends of all ranges."""
    return [
        make_grouped_case(op, x, w, number + turn, form=f"{kernel.parts.grouped}g{size}", extreme=extreme, **attrs)
        for number, (op, x, w, size, attrs) in enumerate(SHAPES)
        if op == kernel.op
        for extreme in (0, 1, 2)
        for turn in (0, 1)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("grouped")


@pytest.mark.parametrize("kernel", ROWS, ids=lambda k: k.name)
def test_groups_on_the_host(kernel: Kernel, folder: Path) -> None:
    need("gcc")
    program = host_program(kernel, "gcc", folder)
    for case in layers(kernel):
        assert takes(kernel, case.node)
        np.testing.assert_array_equal(run_on_host(kernel, case, program), case.expected(), err_msg=str(case.node.attrs))


@pytest.mark.parametrize("board", ["cortex-m0plus", "cortex-m3", "riscv"])
@pytest.mark.parametrize("kernel", ROWS, ids=lambda k: k.name)
def test_groups_on_the_core(kernel: Kernel, board: str, folder: Path) -> None:
    need("zig", "unicorn")
    from tests.kernels.machine import Machine  # needs the emulator

    assert kernel.runs_on(kernel_features(load_board(board)))
    machine = Machine.of(board, "zig", folder)
    for case in layers(kernel):
        result = machine.run(kernel, case)
        np.testing.assert_array_equal(result.output, case.expected())
        assert result.stack_bytes < 256


@st.composite
def drawn(draw: st.DrawFn) -> tuple[str, Case]:
    """A small layer of any geometry, group size and format."""
    form = draw(st.sampled_from(["w4", "w2", "w1", "wtx2"]))
    size = draw(st.sampled_from([1, 2, 3, 8, 15, 16, 17, 31, 32, 33, 64, 127, 128, 129, 300]))
    common = {"seed": draw(st.integers(0, 1000)), "form": f"{form}g{size}", "extreme": draw(st.sampled_from([0, 1, 2]))}
    outputs = draw(st.integers(1, 5))
    if draw(st.booleans()):
        taps = draw(st.integers(1, 330))
        return form, make_grouped_case("dense", (draw(st.integers(1, 2)), taps), (outputs, taps), **common)
    window = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    channels, groups = draw(st.integers(1, 20)), draw(st.sampled_from([1, 1, 2]))
    pads = tuple(draw(st.integers(0, 2)) for _ in range(4))
    image = (1, draw(st.integers(3, 5)), draw(st.integers(3, 5)), channels * groups)
    attrs = {"groups": groups, "pads": pads, "strides": draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))}
    return form, make_grouped_case("conv2d", image, (outputs * groups, *window, channels), **common, **attrs)


@settings(max_examples=60)
@given(layer=drawn())
def test_any_layer_in_groups(layer: tuple[str, Case], folder: Path) -> None:
    need("gcc")
    _, case = layer
    own = [k for k in ROWS if k.op == case.node.op and takes(k, case.node)]
    assert own
    for kernel in own:
        np.testing.assert_array_equal(run_on_host(kernel, case, host_program(kernel, "gcc", folder)), case.expected())


def test_weights_that_are_no_products_of_their_factors_are_an_error() -> None:
    for form in ("w4g8", "wtx2g8"):
        case = make_grouped_case("dense", (1, 16), (2, 16), form=form)
        case.node.params["factors"] = np.full_like(case.node.params["factors"], 7)
        case.node.params["weights"] = np.full_like(case.node.params["weights"], 3)
        with pytest.raises(InternalError):
            LAYOUTS[f"lanes_{form[:-1]}"](case.node)
