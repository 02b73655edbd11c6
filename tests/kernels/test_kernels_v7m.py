"""Kernels for Armv7-M without the DSP extension: every output bit on an emulated Cortex-M3, from both compilers.

Inputs end at a page that is not mapped; outputs and scratch lie between canaries.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from edgeq.kernels.matching import takes
from edgeq.kernels.registry import Kernel, kernels
from tests.kernels.cases import Case, constant_channels, make_case
from tests.kernels.host_runner import check_plain_form
from tests.kernels.test_kernels_dsp import MORE, depthwise, tied
from tests.tools import need
from tests.unit.test_kernels_accumulate import GRID, convolutions

ROWS = [k for k in kernels() if k.parts.isa == "v7m"]


def at_the_limit(case: Case) -> Case:
    """The case with weights and inputs whose products are the largest of either sign, all taps of a window alike."""
    params = case.node.params
    signs = np.resize([-127, -127, -127, -127, 127, 127, 127, 127], params["weights"].shape)
    params["weights"] = np.sort(signs.astype(np.int8), axis=0)
    params["shift"] = np.full_like(params["shift"], -14)
    case.x = np.repeat(np.resize([-128, 127, 127, -128, -128], case.x.size // case.x.shape[-1]), case.x.shape[-1])
    case.x = case.x.astype(np.int8).reshape(case.node.input(0).type.shape)
    return case


def of_small_weights(case: Case, size: int) -> Case:
    """The case with even channels whose weights are `size` large, the limits of inputs beside them."""
    params = case.node.params
    params["weights"] = params["weights"].copy()
    params["weights"][::2] = np.where(params["weights"][::2] < 0, -size, size)
    case.x = np.where(case.x < 0, -128, 127).astype(np.int8)
    return case


CASES = {
    **GRID,
    **MORE,
    "limits 1x1": at_the_limit(make_case("conv2d", (1, 7, 5, 40), (8, 1, 1, 40))),
    "limits 3x3": at_the_limit(
        make_case("conv2d", (1, 6, 5, 5), (8, 3, 3, 5), pads=(1, 1, 1, 1), input_zero_point=127)
    ),
    "ends": make_case("conv2d", (1, 4, 5, 17), (9, 3, 3, 17), pads=(1, 1, 1, 1), extreme=2, input_zero_point=-128),
    "ties": tied(make_case("conv2d", (1, 9, 9, 8), (6, 1, 1, 8), output_zero_point=-2)),
    "depthwise ties": tied(make_case("depthwise_conv2d", (1, 9, 9, 8), (3, 3, 8), output_zero_point=-2)),
    "depthwise steps ties": tied(make_case("depthwise_conv2d", (1, 9, 9, 8), (2, 2, 8), output_zero_point=-2)),
    **{
        f"weights of {size}": of_small_weights(make_case("conv2d", (1, 9, 9, n), (6, 1, 1, n), shifts=(-13, -9)), size)
        for size, n in ((63, 8), (63, 44), (63, 35), (64, 28), (31, 3))
    },
    "three pixels": make_case("conv2d", (1, 1, 3, 8), (5, 1, 1, 8)),
    "two pixels": make_case("conv2d", (1, 2, 1, 9), (5, 1, 1, 9), clamp=(-20, 30)),
    "one pixel": make_case("conv2d", (1, 3, 3, 3), (4, 3, 3, 3)),
    "constants": constant_channels(make_case("conv2d", (1, 3, 3, 4), (9, 1, 1, 4))),
    "dense rows": make_case("dense", (1, 3, 17), (9, 17), clamp=(-50, 90), shifts=(-11, -9)),
    **{f"dense {n}": make_case("dense", (1, n), (n, n), shifts=(-12, -9)) for n in range(1, 18)},
    **{f"{n} taps": make_case("conv2d", (1, 3, 2, n), (3, 1, 1, n), extreme=2) for n in range(1, 36)},
}


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    need("unicorn", "zig", "gcc-arm")
    from tests.kernels.machine import Machine  # needs the emulator

    return {c: Machine.of("cortex-m3", c, tmp_path_factory.mktemp(c)) for c in ("zig", "gcc")}


def _fits(kernel: Kernel, case: Case) -> bool:
    return kernel.op == case.node.op and takes(kernel, case.node) and kernel.accepts(case.facts)


def _check(kernel: Kernel, case: Case, machine: Any) -> None:
    for in_place in {False, 0 in kernel.in_place_inputs(case.facts)}:
        # An odd address lets the input end exactly where nothing is mapped.
        result = machine.run(replace(kernel, alignment=1), case, in_place)
        np.testing.assert_array_equal(result.output, case.expected())
        assert result.stack_bytes < 1024


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
@pytest.mark.parametrize("kernel", ROWS, ids=lambda k: k.name)
def test_grid(kernel: Kernel, compiler: str, machines: dict[str, Any]) -> None:
    names = [name for name, case in CASES.items() if _fits(kernel, case)]
    assert len(names) > 4
    for name in names:
        _check(kernel, CASES[name], machines[compiler])


@pytest.mark.parametrize("kernel", ROWS, ids=lambda k: k.name)
def test_grid_of_the_plain_form(kernel: Kernel, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What stands beside the assembly for other processors, under sanitizers."""
    need("gcc")
    check_plain_form(kernel, (c for c in CASES.values() if _fits(kernel, c)), tmp_path_factory.mktemp("host"))


@settings(max_examples=60)
@given(case=convolutions() | depthwise())
def test_any_convolution(case: Case, machines: dict[str, Any]) -> None:
    for kernel in ROWS:
        if _fits(kernel, case):
            _check(kernel, case, machines["zig"])
