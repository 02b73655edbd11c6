"""The kernels for cores with MVE give the operators' integers: under QEMU, since nothing else here runs MVE."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeq.kernels.registry import kernels
from edgeq.pipeline import compile_model
from tests.kernels.cases import Case, constant_channels, make_case
from tests.kernels.one_layer import run_layer
from tests.kernels.test_attention import case as attention
from tests.tools import ROOT, need
from tests.unit.quantized_nodes import lowered, tensor

SAME = {"pads": (1, 1, 1, 1)}


def pool(shape: tuple[int, ...], kernel: tuple[int, int], seed: int, **attrs: Any) -> Case:
    """An average pooling; its output shares memory with the input as far as the row allows, like that of any layer."""
    node = lowered("avg_pool2d", [tensor(shape)], kernel=kernel, **attrs)
    return Case(node, np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8))


CASES: dict[str, list[Case]] = {
    "conv2d": [
        make_case("conv2d", (1, 5, 7, 16), (16, 3, 3, 16), 1, **SAME),
        make_case("conv2d", (1, 5, 4, 3), (9, 3, 3, 3), 2, strides=(2, 2), pads=(0, 1, 1, 1)),
        make_case("conv2d", (1, 6, 5, 17), (7, 1, 1, 17), 3),
        make_case("conv2d", (1, 6, 6, 8), (4, 1, 1, 8), 4, strides=(2, 2)),
        make_case("conv2d", (1, 9, 9, 5), (6, 3, 2, 5), 5, dilations=(2, 3), pads=(2, 3, 2, 3)),
        make_case("conv2d", (1, 3, 3, 1), (1, 1, 1, 1), 6, **SAME),
        make_case("conv2d", (1, 5, 5, 20), (12, 3, 3, 20), 7, extreme=1, **SAME),
        constant_channels(make_case("conv2d", (1, 4, 4, 8), (10, 3, 3, 8), 8, **SAME)),
        make_case("conv2d", (1, 3, 5, 8), (6, 1, 1, 8), 9, clamp=(-40, 90)),
        make_case("conv2d", (1, 4, 4, 32), (5, 1, 1, 32), 10, extreme=1),
        make_case("conv2d", (1, 3, 4, 40), (5, 1, 1, 40), 11, strides=(1, 2)),
    ],
    "dense": [
        make_case("dense", (1, 64), (10, 64), 1),
        make_case("dense", (3, 33), (7, 33), 2, clamp=(-100, 90)),
        make_case("dense", (1, 1), (1, 1), 3),
        constant_channels(make_case("dense", (1, 40), (9, 40), 4)),
    ],
    "depthwise_conv2d": [
        make_case("depthwise_conv2d", (1, 7, 6, 16), (3, 3, 16), 1, **SAME),
        make_case("depthwise_conv2d", (1, 6, 9, 13), (3, 3, 13), 2, strides=(2, 2), pads=(0, 0, 1, 1)),
        make_case("depthwise_conv2d", (1, 9, 8, 3), (2, 4, 3), 3, dilations=(2, 2), pads=(1, 3, 1, 3)),
        make_case("depthwise_conv2d", (1, 12, 1, 8), (10, 1, 8), 4),
        make_case("depthwise_conv2d", (1, 7, 7, 24), (5, 5, 24), 5, pads=(2, 2, 2, 2)),
        make_case("depthwise_conv2d", (1, 5, 5, 9), (3, 3, 9), 6, extreme=2, **SAME),
        constant_channels(make_case("depthwise_conv2d", (1, 5, 5, 11), (3, 3, 11), 7, **SAME)),
        make_case("depthwise_conv2d", (1, 4, 9, 21), (3, 3, 21), 8, **SAME),
        make_case("depthwise_conv2d", (1, 5, 12, 18), (2, 2, 18), 9, strides=(1, 3)),
    ],
    "attention": [
        attention(1, 6, 2, 5, 37, 13, 11, scale=0.01, causal=True),
        attention(1, 6, 2, 5, 37, 20, 5, tile=9, scale=0.02, log2=True),
        attention(2, 2, 2, 9, 21, 16, 16, seed=1, scale=0.01),
    ],
    "avg_pool2d": [
        pool((1, 6, 6, 16), (6, 6), 1),
        pool((1, 5, 7, 19), (2, 3), 2),
        pool((1, 6, 5, 3), (3, 3), 3, strides=(2, 2), pads=(1, 1, 1, 1)),
        pool((1, 4, 4, 20), (2, 2), 4, pads=(1, 0, 0, 1)),
    ],
}


def tried() -> list[Any]:
    """Every MVE kernel with weights and every layer of the list that it takes."""
    return [
        pytest.param(kernel.name, index, id=f"{kernel.op}-{index}")
        for kernel in kernels()
        if kernel.parts.isa == "mve" and kernel.op in CASES
        for index, case in enumerate(CASES[kernel.op])
        if kernel.accepts(case.facts)
    ]


def test_hardly_a_layer_is_refused() -> None:
    assert len(tried()) >= 0.8 * sum(map(len, CASES.values()))


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
@pytest.mark.parametrize(("name", "index"), tried())
def test_layer_on_the_emulated_core(name: str, index: int, compiler: str, tmp_path: Path) -> None:
    need("qemu-arm", "zig" if compiler == "zig" else "gcc-arm")
    kernel = next(k for k in kernels() if k.name == name)
    case = CASES[kernel.op][index]
    got = run_layer(kernel, case, "cortex-m55", tmp_path, compiler=compiler)
    np.testing.assert_array_equal(got.output, case.expected())


def test_a_folder_for_the_core_is_proved_on_a_pc_too(tmp_path: Path) -> None:
    """The intrinsics in plain C that host builds use give the core's bits."""
    need("cc", "qemu-arm", "zig")
    examples = ROOT / "examples" / "digits"
    result = compile_model(
        examples / "digits.onnx", "cortex-m55", out=tmp_path / "m", calibrate=examples / "digits_calibration.npz"
    )
    assert any(step["kernel"].endswith("__mve") for step in result.manifest["steps"])
    assert result.verify(inputs=examples / "digits_test.npz").bit_exact
