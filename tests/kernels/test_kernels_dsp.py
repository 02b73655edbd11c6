"""Kernels for Arm cores with the DSP extension: every output bit on an emulated core, from both compilers.

Inputs end at a page that is not mapped; outputs and scratch lie between canaries.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.kernels.matching import takes
from edgeq.kernels.registry import Kernel, kernels
from tests.kernels.cases import Case, constant_channels, make_case
from tests.kernels.host_runner import check_plain_form
from tests.kernels.narrow import narrow
from tests.tools import need
from tests.unit.quantized_nodes import lowered, tensor
from tests.unit.test_kernels_accumulate import GRID, convolutions

ROWS = [k for k in kernels() if k.name.endswith("__dsp") and not k.op.startswith("attention")]
"""Those of attention are in test_attention.py."""


def tied(case: Case) -> Case:
    """The dense case with factors of 1/64 and small weights, so that many sums are half-way between two outputs."""
    params = case.node.params
    params["weights"] = params["weights"] >> 4
    params["multiplier"] = np.full_like(params["multiplier"], 1 << 30)
    params["shift"] = np.full_like(params["shift"], -5)
    return case


def _narrow_cases(bits: int) -> dict[str, Case]:
    same = {"pads": (1, 1, 1, 1)}
    cases = {
        "1x1": make_case("conv2d", (1, 5, 5, 72), (12, 1, 1, 72)),
        "3x3": make_case("conv2d", (1, 6, 5, 24), (8, 3, 3, 24), **same, input_zero_point=-128),
        "odd": make_case("conv2d", (1, 5, 3, 7), (11, 3, 2, 7), **same, clamp=(-10, 50)),
        "long": make_case("conv2d", (1, 2, 2, 64), (5, 3, 3, 64), **same, shifts=(-12, -10)),
        "one": make_case("conv2d", (1, 1, 1, 1), (1, 1, 1, 1)),
        "ends": make_case("conv2d", (1, 4, 5, 17), (9, 3, 3, 17), **same, extreme=1, input_zero_point=127),
        "constants": constant_channels(make_case("conv2d", (1, 3, 3, 4), (9, 1, 1, 4))),
        "dense": make_case("dense", (1, 256), (64, 256)),
        "dense odd": make_case("dense", (1, 3, 17), (9, 17), clamp=(-50, 90)),
        "dense long": make_case("dense", (1, 2, 389), (71, 389), shifts=(-13, -10)),
        "dense one": make_case("dense", (1, 1), (1, 1)),
        "dense ends": make_case("dense", (1, 300), (13, 300), extreme=1, input_zero_point=-128),
        "dense ties": tied(make_case("dense", (1, 40, 8), (12, 8), output_zero_point=-2)),
        "dense constants": constant_channels(make_case("dense", (1, 9), (11, 9))),
    }
    return {f"{name}, {bits} bits": narrow(case, bits) for name, case in cases.items()}


def _sum(
    shape: tuple[int, ...], other: tuple[int, ...], output: tuple[float, int] = (0.06, -9), **clamp: float
) -> Case:
    """An addition, all pairs of values among its elements where there are enough."""
    count = int(np.prod(shape))
    x = np.resize(np.arange(-128, 128), count).astype(np.int8)
    y = np.resize(np.repeat(np.arange(-128, 128), 256), other).astype(np.int8)
    node = lowered("add", [tensor(shape, (0.05, -7)), tensor(other, (0.031, 40), y)], output, **clamp)
    return Case(node, x.reshape(shape))


MORE: dict[str, Case] = {
    "every pair": _sum((1, 256, 256), (1, 256, 256)),
    "few": _sum((1, 3, 3), (1, 3, 3), clamp_min=0.0, clamp_max=3.0),
    "stretched": _sum((1, 5, 3, 6), (1, 5, 1, 6)),
    "one for all": _sum((1, 70), (1,)),
    "far too coarse": _sum((1, 70), (70,), (1e9, 3)),
    "1x1 large": make_case("conv2d", (1, 5, 5, 72), (12, 1, 1, 72)),
    "3x3 to the border": make_case("conv2d", (1, 6, 5, 24), (8, 3, 3, 24), pads=(1, 1, 1, 1), input_zero_point=-128),
    "scratch for bytes": make_case("conv2d", (1, 4, 3, 41), (6, 3, 3, 41), pads=(1, 1, 1, 1), shifts=(-14, -10)),
    "deep but in range": make_case("conv2d", (1, 4, 3, 8), (6, 3, 3, 8), shifts=(-22, -12)),
    "deepest": make_case("conv2d", (1, 4, 3, 8), (6, 3, 3, 8), shifts=(-31, -23)),
    "relu": make_case("conv2d", (1, 4, 3, 8), (6, 3, 3, 8), output_zero_point=-128),
    "a pixel of 8": make_case("conv2d", (1, 5, 3, 8), (9, 1, 1, 8), clamp=(-30, 90)),
    "a pixel of 16": make_case("conv2d", (1, 3, 4, 16), (6, 1, 1, 16), output_zero_point=-128),
    "a pixel of 8, ends": make_case("conv2d", (1, 2, 3, 8), (4, 1, 1, 8), extreme=1),
    "a pixel of 16, ends": make_case("conv2d", (1, 2, 3, 16), (7, 1, 1, 16), extreme=1, input_zero_point=127),
    "first layer": make_case("conv2d", (1, 11, 9, 3), (8, 3, 3, 3), strides=(2, 2), pads=(0, 0, 1, 1)),
    "sound": make_case("conv2d", (1, 20, 10, 1), (8, 10, 4, 1), strides=(2, 2), pads=(4, 1, 5, 1), clamp=(-30, 90)),
    "dense longer than the buffer": make_case("dense", (1, 2, 389), (71, 389), shifts=(-14, -11)),
    "dense of whole buffers": make_case("dense", (1, 256), (64, 256), shifts=(-14, -11), clamp=(-20, 100)),
    "dense ties": tied(make_case("dense", (1, 40, 8), (12, 8), output_zero_point=-2)),
    "depthwise columns": make_case("depthwise_conv2d", (1, 33, 5, 8), (3, 3, 8), pads=(1, 1, 1, 1)),
    "depthwise tall": make_case("depthwise_conv2d", (1, 51, 2, 8), (3, 3, 8), pads=(2, 0, 0, 2), clamp=(-20, 30)),
    "depthwise tall ends": make_case("depthwise_conv2d", (1, 6, 1, 4), (3, 3, 4), pads=(0, 1, 2, 1), extreme=1),
    "depthwise tall constants": constant_channels(
        make_case("depthwise_conv2d", (1, 7, 4, 8), (3, 3, 8), pads=(1, 1, 1, 1), input_zero_point=-128)
    ),
    "depthwise tall deepest": make_case(
        "depthwise_conv2d", (1, 8, 5, 8), (3, 3, 8), pads=(1, 1, 1, 1), shifts=(-31, -13)
    ),
    "depthwise lines": make_case("depthwise_conv2d", (1, 3, 49, 4), (3, 3, 4), pads=(1, 1, 1, 1), clamp=(-20, 30)),
    "depthwise inside": make_case("depthwise_conv2d", (1, 6, 7, 12), (3, 3, 12), output_zero_point=-128),
    "depthwise far outside": make_case("depthwise_conv2d", (1, 1, 2, 4), (3, 3, 4), pads=(4, 5, 3, 6)),
    "depthwise constants": constant_channels(make_case("depthwise_conv2d", (1, 4, 4, 8), (3, 3, 8), pads=(1, 1, 1, 1))),
    "depthwise deepest": make_case("depthwise_conv2d", (1, 4, 4, 8), (3, 3, 8), shifts=(-31, -13)),
    "depthwise ends": make_case("depthwise_conv2d", (1, 4, 4, 8), (3, 3, 8), extreme=True, pads=(1, 1, 1, 1)),
    "narrow constants": constant_channels(make_case("conv2d", (1, 3, 3, 4), (9, 1, 1, 4))),
}
CASES = {**GRID, **MORE, **_narrow_cases(4), **_narrow_cases(2), **_narrow_cases(0)}


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    need("unicorn", "zig", "gcc-arm")
    from tests.kernels.machine import Machine  # needs the emulator

    return {c: Machine.of("cortex-m4", c, tmp_path_factory.mktemp(c)) for c in ("zig", "gcc")}


def _fits(kernel: Kernel, case: Case) -> bool:
    return kernel.op == case.node.op and takes(kernel, case.node) and kernel.accepts(case.facts)


def _check(kernel: Kernel, case: Case, machine: Any) -> None:
    for in_place in {False, 0 in kernel.in_place_inputs(case.facts)}:
        # An odd address lets the input end exactly where nothing is mapped.
        result = machine.run(replace(kernel, alignment=1), case, in_place)
        np.testing.assert_array_equal(result.output, case.expected())
        assert result.stack_bytes < 1152


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
@pytest.mark.parametrize("kernel", ROWS, ids=lambda k: k.name)
def test_grid(kernel: Kernel, compiler: str, machines: dict[str, Any]) -> None:
    names = [name for name, case in CASES.items() if _fits(kernel, case)]
    assert names
    for name in names:
        _check(kernel, CASES[name], machines[compiler])


@pytest.mark.parametrize("kernel", [k for k in ROWS if k.op != "add"], ids=lambda k: k.name)
def test_grid_of_the_plain_form(kernel: Kernel, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What stands beside the assembly for other processors, under sanitizers."""
    need("gcc")
    check_plain_form(kernel, (c for c in CASES.values() if _fits(kernel, c)), tmp_path_factory.mktemp("host"))


@st.composite
def depthwise(draw: st.DrawFn) -> Case:
    """Depthwise 3x3 layers of any size, padding and step."""
    size = draw(st.tuples(st.integers(1, 40), st.integers(1, 8)))
    size = size if draw(st.booleans()) else size[::-1]
    pads = [draw(st.integers(0 if n > 2 else 1, 3)) for n in size * 2]
    if draw(st.booleans()) and min(size) > 2:
        pads[:2] = 0, 0  # may run in place
    if draw(st.booleans()):
        pads = [1] * 4  # outputs as large as inputs
    channels = 4 * draw(st.integers(1, 3))
    return make_case(
        "depthwise_conv2d",
        (1, *size, channels),
        (3, 3, channels),
        draw(st.integers(0, 1000)),
        pads=tuple(pads),
        strides=draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (2, 1)])),
        input_zero_point=draw(st.sampled_from([-128, -1, 0, 127])),
        extreme=draw(st.sampled_from([0, 1])),
    )


@settings(max_examples=80)
@given(case=convolutions() | depthwise())
def test_any_convolution(case: Case, machines: dict[str, Any]) -> None:
    for kernel in ROWS:
        if _fits(kernel, case):
            _check(kernel, case, machines["zig"])
