"""Kernels for packed activations: any shape and format on the host under sanitizers, and as the boards' compilers
build them on emulated cores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.boards import load_board
from edgeq.formats import number_format
from edgeq.ir.graph import Value
from edgeq.ir.types import DType, Quantization, TensorType
from edgeq.kernels.features import kernel_features
from edgeq.kernels.matching import takes
from edgeq.kernels.registry import Kernel, kernels
from edgeq.ops import operator
from edgeq.ops.build import make_node
from tests.kernels.cases import Case, make_levels_case
from tests.kernels.host_runner import host_program, run_on_host
from tests.tools import need

OUTPUTS = ("a1", "au1", "a2", "au2", "a4", "au4", "a8", "sums")
BOARDS = ("cortex-m0plus", "cortex-m4", "riscv")
SAME = (1, 1, 1, 1)


def _is_packed(kernel: Kernel) -> bool:
    return kernel.parts.activations not in ("a8", "a16", "a32", "ax")


POOLS = [k for k in kernels() if k.op == "max_pool2d" and _is_packed(k)]
SUMS = [k for k in kernels() if k.epilogue == "levels" and _is_packed(k)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packed")


def pool_case(name: str, shape: tuple[int, ...], seed: int, **attrs: Any) -> Case:
    """Max pooling of random values in a format."""
    values = np.array([v for v in number_format(name).values if v is not None], np.int8)
    unit = Quantization.per_tensor(1.0, 0)
    x = Value("x", TensorType(shape, DType.INT8, unit, name, packed=True))
    node = make_node("max_pool2d", "p", [x], attrs, output_names=["y"], dtype=DType.INT8, quantizations=[unit])
    node.output.type = replace(node.output.type, format=name, packed=True)
    node.params = operator("max_pool2d").lower(node)
    return Case(node, np.random.default_rng(seed).choice(values, shape))


def with_padding(case: Case, value: int) -> Case:
    """The case with another integer in the padding of its image."""
    case.node.params |= {"input_zero_point": value}
    return case


def with_far_thresholds(case: Case) -> Case:
    """The case with channels that always reach all thresholds, never any, or only the first ones."""
    limits = case.node.params["thresholds"].astype(np.int32)
    limits[::3], limits[1::3, -1:] = -(2**31), 2**31 - 1
    case.node.params |= {"thresholds": limits, "threshold_bytes": 4}
    return case


def layers(kernel: Kernel) -> list[Case]:
    """Layers at the edges: one channel, tails of every kind of block, dilation, nothing but padding."""
    name = kernel.parts
    if kernel.op == "max_pool2d":
        return [
            pool_case(name.activations, (1, 5, 6, 33), 1, kernel=(2, 2), strides=(2, 2)),
            pool_case(name.activations, (1, 5, 4, 1), 2, kernel=(3, 2), strides=(1, 2), pads=(2, 0, 1, 1)),
            pool_case(name.activations, (1, 4, 4, 64), 3, kernel=(3, 3), pads=SAME),
            pool_case(name.activations, (1, 7, 1, 7), 4, kernel=(7, 1)),
        ]
    shapes: dict[str, list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]]] = {
        "dense": [
            ((1, 1), (1, 1), {}),
            ((3, 33), (45, 33), {}),
            ((1, 130), (33, 130), {}),
            ((1, 256), (50, 256), {}),
            ((1, 784), (8, 784), {}),
        ],
        "conv2d": [
            ((1, 3, 3, 1), (1, 3, 3, 1), {"pads": SAME}),
            ((1, 4, 3, 33), (45, 2, 3, 33), {"pads": (1, 2, 0, 1), "dilations": (1, 2)}),
            ((1, 3, 4, 64), (35, 3, 3, 64), {"pads": SAME}),
            ((1, 6, 7, 32), (20, 2, 2, 32), {"strides": (3, 2), "dilations": (3, 2), "pads": (1, 1, 2, 2)}),
            ((1, 2, 2, 32), (9, 2, 2, 32), {"pads": (3, 3, 3, 3)}),
            ((1, 5, 5, 7), (16, 3, 3, 7), {"pads": SAME}),
        ],
        "depthwise_conv2d": [
            ((1, 3, 3, 1), (3, 3, 1), {"pads": SAME}),
            ((1, 5, 4, 33), (3, 2, 33), {"pads": (1, 1, 1, 0), "strides": (2, 1)}),
            ((1, 5, 5, 96), (2, 2, 96), {"dilations": (2, 3), "pads": (2, 3, 2, 3)}),
            ((1, 2, 2, 40), (5, 5, 40), {"pads": (4, 4, 4, 4)}),
        ],
    }
    values = number_format(name.activations)
    found = []
    for number, (x, w, attrs) in enumerate(shapes[kernel.op]):
        for turn, output in enumerate(OUTPUTS):
            case = make_levels_case(
                kernel.op,
                x,
                w,
                100 * number + turn,
                inputs=name.activations,
                weights=str(name.weights),
                output=output,
                shared=turn % 3 == 0,
                wide=turn % 2 == 0,
                bias=number % 2 == 0,
                **attrs,
            )
            if values.has_zero and number % 2:
                with_padding(case, values.low if turn % 2 else values.high)
            if output != "sums" and turn % 4 == 1:
                with_far_thresholds(case)
            if takes(kernel, case.node) and kernel.accepts(case.facts):
                found.append(case)
    return found


def _check_on_host(kernel: Kernel, case: Case, folder: Path) -> None:
    got = run_on_host(kernel, case, host_program(kernel, "gcc", folder))
    np.testing.assert_array_equal(got, case.expected(), err_msg=f"{case.node.attrs} {case.node.output.type}")


@pytest.mark.parametrize("kernel", [*SUMS, *POOLS], ids=lambda k: k.name)
def test_layers_at_the_edges(kernel: Kernel, folder: Path) -> None:
    need("gcc")
    for case in layers(kernel):
        _check_on_host(kernel, case, folder)


@st.composite
def geometry(draw: st.DrawFn) -> dict[str, tuple[int, ...]]:
    """An image, a window that fits it, and how it moves."""
    size = draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    window = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    dilations = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    pads = list(draw(st.tuples(*[st.integers(0, 2)] * 4)))
    for axis in (0, 1):
        span = (window[axis] - 1) * dilations[axis] + 1
        pads[axis] += max(0, span - size[axis] - pads[axis] - pads[axis + 2])
    strides = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    return {"size": size, "window": window, "dilations": dilations, "pads": tuple(pads), "strides": strides}


@settings(max_examples=60)
@given(
    shape=geometry(),
    channels=st.integers(1, 70),
    outputs=st.integers(1, 70),
    kernel=st.sampled_from(SUMS),
    output=st.sampled_from(OUTPUTS),
    seed=st.integers(0, 1000),
    padding=st.integers(-8, 15),
)
def test_any_layer(
    shape: dict[str, tuple[int, ...]],
    channels: int,
    outputs: int,
    kernel: Kernel,
    output: str,
    seed: int,
    padding: int,
    folder: Path,
) -> None:
    need("gcc")
    moves = {key: shape[key] for key in ("dilations", "pads", "strides")}
    layers_of: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
        "dense": ((1, shape["size"][0], channels), (outputs, channels), {}),
        "conv2d": ((1, *shape["size"], channels), (outputs, *shape["window"], channels), moves),
        "depthwise_conv2d": ((1, *shape["size"], channels), (*shape["window"], channels), moves),
    }
    x, w, attrs = layers_of[kernel.op]
    name = kernel.parts
    case = make_levels_case(
        kernel.op,
        x,
        w,
        seed,
        inputs=name.activations,
        weights=str(name.weights),
        output=output,
        shared=seed % 3 == 0,
        wide=seed % 5 == 0,
        bias=seed % 2 == 0,
        **attrs,
    )
    if number_format(name.activations).has_zero and padding in number_format(name.activations).values:
        with_padding(case, padding)
    if takes(kernel, case.node) and kernel.accepts(case.facts):
        _check_on_host(kernel, case, folder)


@settings(max_examples=30)
@given(shape=geometry(), channels=st.integers(1, 70), kernel=st.sampled_from(POOLS), seed=st.integers(0, 1000))
def test_any_pool(shape: dict[str, tuple[int, ...]], channels: int, kernel: Kernel, seed: int, folder: Path) -> None:
    need("gcc")
    window, size = shape["window"], shape["size"]
    window = (min(window[0], size[0]), min(window[1], size[1]))
    pads = tuple(min(pad, window[axis % 2] - 1) for axis, pad in enumerate(shape["pads"]))
    case = pool_case(
        kernel.parts.activations, (1, *size, channels), seed, kernel=window, strides=shape["strides"], pads=pads
    )
    _check_on_host(kernel, case, folder)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("kernel", [*SUMS, *POOLS], ids=lambda k: k.name)
def test_on_the_core(kernel: Kernel, board: str, folder: Path) -> None:
    need("zig", "unicorn")
    from tests.kernels.machine import Machine  # needs the emulator

    if not kernel.runs_on(kernel_features(load_board(board))):
        return
    machine = Machine.of(board, "zig", folder)
    for case in layers(kernel)[::3]:
        result = machine.run(kernel, case)
        np.testing.assert_array_equal(result.output, case.expected())
        assert result.stack_bytes < 1024


@pytest.mark.parametrize("kernel", [k for k in SUMS if "zbb" in k.isa], ids=lambda k: k.name)
def test_with_zbb(kernel: Kernel, tmp_path: Path) -> None:
    need("zig", "qemu-riscv")
    from tests.kernels.one_layer import run_layer  # needs the emulator

    for number, case in enumerate(layers(kernel)[::5]):
        result = run_layer(kernel, case, "riscv-zbb", tmp_path / str(number))
        np.testing.assert_array_equal(result.output, case.expected())
