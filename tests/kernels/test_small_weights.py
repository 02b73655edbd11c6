"""Kernels for 8-bit activations and weights below 8 bits: every output bit, on the host under sanitizers and on cores.

Layers of every tail (inputs, channels, pixels), and with sums as large as they get: lanes must not overflow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.boards import load_board
from edgeq.formats import number_format
from edgeq.kernels.features import kernel_features
from edgeq.kernels.layouts import LAYOUTS
from edgeq.kernels.matching import takes
from edgeq.kernels.registry import Kernel, kernels
from edgeq.ops import operator
from tests.kernels.cases import Case, constant_channels, make_case
from tests.kernels.host_runner import host_program, run_on_host
from tests.tools import need

FORMATS = ("w1", "w2", "wt5", "w4")
ROWS = [k for k in kernels() if k.parts.formats in {f"a8_{f}" for f in FORMATS} and k.epilogue == "requantize"]
PORTABLE = [k for k in ROWS if k.parts.isa == "c"]
BOARDS = ("cortex-m0plus", "cortex-m3", "cortex-m4", "riscv")


@dataclass(frozen=True)
class Layer:
    """How to make a case. weights, values: what is drawn: "any", "ends", "low", "high"."""

    op: str
    x: tuple[int, ...]
    w: tuple[int, ...]
    weights: str = "any"
    values: str = "any"
    seed: int = 0
    attrs: dict[str, Any] = field(default_factory=dict)

    def case(self, weight_format: str) -> Case:
        """The lowered layer with weights of the format."""
        rng = np.random.default_rng(self.seed)
        legal = [v for v in number_format(weight_format).values if v is not None]
        case = make_case(self.op, self.x, self.w, self.seed, **self.attrs)
        node = case.node
        drawn = {"any": legal, "ends": [min(legal), max(legal)], "low": [min(legal)], "high": [max(legal)]}
        node.input(1).data = rng.choice(np.array(drawn[self.weights], dtype=np.int8), self.w)
        inputs = {"any": range(-128, 128), "ends": [-128, 127], "low": [-128], "high": [127]}
        case.x = rng.choice(np.array(inputs[self.values], dtype=np.int8), self.x)
        kept = {k: node.params[k] for k in ("multiplier", "shift", "clamp_min", "clamp_max")}
        node.params = operator(self.op).lower(node) | kept
        return case


SAME = {"pads": (1, 1, 1, 1)}
LAYERS: dict[str, Layer] = {
    "dense one": Layer("dense", (1, 1), (1, 1)),
    "dense rows": Layer("dense", (3, 41), (7, 41)),
    "dense a byte": Layer("dense", (1, 8), (5, 8)),
    "dense 64": Layer("dense", (1, 64), (64, 64)),
    "dense odd": Layer("dense", (2, 131), (33, 131)),
    "dense ends": Layer("dense", (1, 300), (9, 300), "ends", "ends", attrs={"input_zero_point": -128, "extreme": 1}),
    "dense shifts": Layer("dense", (1, 19), (6, 19), attrs={"shifts": (-2, 5)}),
    "dense deep": Layer("dense", (1, 50), (6, 50), attrs={"shifts": (-31, -20), "clamp": (-7, 9)}),
    "conv one": Layer("conv2d", (1, 1, 1, 1), (1, 1, 1, 1)),
    "conv 3x3": Layer("conv2d", (1, 5, 5, 3), (7, 3, 3, 3), attrs=SAME),
    "conv 3x3 deep": Layer("conv2d", (1, 3, 3, 40), (6, 3, 3, 40), attrs=SAME),
    "conv 1x1": Layer("conv2d", (1, 5, 3, 64), (10, 1, 1, 64)),
    "conv 1x1 odd": Layer("conv2d", (1, 2, 3, 37), (9, 1, 1, 37)),
    "conv strided": Layer("conv2d", (1, 9, 6, 5), (8, 5, 3, 5), attrs={"strides": (2, 2), "pads": (2, 1, 2, 0)}),
    "conv dilated": Layer("conv2d", (1, 9, 9, 2), (3, 3, 3, 2), attrs={"dilations": (2, 3), "pads": (1, 3, 2, 2)}),
    "conv groups": Layer("conv2d", (1, 4, 4, 6), (9, 3, 3, 2), attrs={"groups": 3, **SAME}),
    "conv padding": Layer("conv2d", (1, 2, 2, 4), (5, 3, 3, 4), attrs={"pads": (4, 4, 4, 4), "input_zero_point": 127}),
    "conv ends": Layer(
        "conv2d", (1, 4, 3, 57), (5, 3, 3, 57), "ends", "ends", attrs={"input_zero_point": -128, "extreme": 1}
    ),
    "conv shifts": Layer("conv2d", (1, 3, 3, 7), (4, 2, 2, 7), attrs={"shifts": (-2, 3)}),
    "depthwise": Layer("depthwise_conv2d", (1, 5, 4, 7), (3, 3, 7), attrs=SAME),
    "depthwise 4": Layer("depthwise_conv2d", (1, 5, 4, 12), (3, 3, 12), attrs=SAME),
    "depthwise 4 tall": Layer("depthwise_conv2d", (1, 12, 2, 8), (10, 1, 8), attrs={"input_zero_point": 90}),
    "depthwise 4 in place": Layer("depthwise_conv2d", (1, 6, 5, 4), (2, 2, 4), "ends", "ends", attrs={"extreme": 2}),
    "depthwise x3": Layer("depthwise_conv2d", (1, 5, 4, 3), (2, 3, 9), attrs={"strides": (2, 1)}),
    "depthwise dilated": Layer("depthwise_conv2d", (1, 9, 8, 4), (3, 3, 4), attrs={"dilations": (2, 2), **SAME}),
    "depthwise ends": Layer("depthwise_conv2d", (1, 4, 4, 6), (4, 4, 6), "ends", "ends", attrs={"shifts": (-1, 2)}),
}
"""Lanes see their largest sums where all weights and all inputs are the same."""
for _w in ("low", "high"):
    for _x in ("low", "high"):
        LAYERS[f"dense all {_w} {_x}"] = Layer("dense", (1, 211), (3, 211), _w, _x)
        LAYERS[f"conv all {_w} {_x}"] = Layer("conv2d", (1, 2, 2, 211), (3, 1, 1, 211), _w, _x)


def tried(kernel: Kernel) -> dict[str, Case]:
    """The layers that a kernel takes."""
    found = {}
    for name, layer in LAYERS.items():
        if layer.op == kernel.op:
            case = layer.case(str(kernel.parts.weights))
            if takes(kernel, case.node) and kernel.accepts(case.facts):
                found[name] = case
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("small_weights")


@pytest.mark.parametrize("op", ["dense", "conv2d", "depthwise_conv2d"])
@pytest.mark.parametrize("weight_format", FORMATS)
def test_a_portable_kernel_takes_every_layer(op: str, weight_format: str) -> None:
    layers = [layer.case(weight_format) for layer in LAYERS.values() if layer.op == op]
    rows = [k for k in PORTABLE if k.op == op and k.parts.weights == weight_format and not k.avoid]
    assert any(all(takes(k, c.node) and k.accepts(c.facts) for c in layers) for k in rows)


@pytest.mark.parametrize("defines", [(), ("EDGEQ_WIDE_MULTIPLY=0",)], ids=["wide", "narrow"])
@pytest.mark.parametrize("kernel", PORTABLE, ids=lambda k: k.name)
def test_on_the_host(kernel: Kernel, defines: tuple[str, ...], folder: Path) -> None:
    need("gcc")
    program = host_program(kernel, "gcc", folder, defines)
    cases = tried(kernel)
    assert len(cases) >= 4
    for name, case in cases.items():
        if kernel.in_place_inputs(case.facts):
            on_top = run_on_host(kernel, case, host_program(kernel, "gcc", folder, (*defines, "IN_PLACE")))
            np.testing.assert_array_equal(on_top, case.expected(), err_msg=f"{name}, in place")
        np.testing.assert_array_equal(run_on_host(kernel, case, program), case.expected(), err_msg=name)


@pytest.mark.parametrize("kernel", [k for k in PORTABLE if k.parts.weights != "w1"], ids=lambda k: k.name)
def test_channels_without_weights(kernel: Kernel, folder: Path) -> None:
    """Their output never changes; bias and shift are beyond what the short requantization takes."""
    need("gcc")
    names = {"dense": "dense odd", "conv2d": "conv 3x3", "depthwise_conv2d": "depthwise 4"}
    case = constant_channels(LAYERS[names[kernel.op]].case(str(kernel.parts.weights)))
    assert takes(kernel, case.node) and kernel.accepts(case.facts)
    np.testing.assert_array_equal(run_on_host(kernel, case, host_program(kernel, "gcc", folder)), case.expected())


@pytest.mark.parametrize(
    ("board", "compiler"), [*((board, "zig") for board in BOARDS), ("cortex-m0plus", "gcc"), ("riscv", "gcc")]
)
@pytest.mark.parametrize("kernel", PORTABLE, ids=lambda k: k.name)
def test_on_the_core(kernel: Kernel, board: str, compiler: str, folder: Path) -> None:
    need("unicorn", "zig" if compiler == "zig" else "gcc-riscv" if board == "riscv" else "gcc-arm")
    from tests.kernels.machine import Machine  # needs the emulator

    if not kernel.runs_on(kernel_features(load_board(board))):
        return
    machine = Machine.of(board, compiler, folder)
    for name, case in tried(kernel).items():
        result = machine.run(kernel, case)
        np.testing.assert_array_equal(result.output, case.expected(), err_msg=name)
        assert result.stack_bytes < 1024


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    """Small dense layers and convolutions of any geometry."""
    seed = draw(st.integers(0, 1000))
    drawn = [draw(st.sampled_from(["any", "ends"])) for _ in range(2)]
    shifts = {"shifts": draw(st.sampled_from([(-9, -5), (-31, -1), (-2, 2)]))}
    if draw(st.booleans()):
        width = draw(st.integers(1, 90))
        return Layer("dense", (draw(st.integers(1, 2)), width), (draw(st.integers(1, 11)), width), *drawn, seed, shifts)
    c, window = draw(st.integers(1, 20)), draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    size = draw(st.tuples(st.integers(3, 6), st.integers(3, 6)))
    attrs = {**shifts, "strides": draw(st.tuples(st.integers(1, 2), st.integers(1, 2))), "pads": (1, 0, 1, 2)}
    return Layer("conv2d", (1, *size, c), (draw(st.integers(1, 9)), *window, c), *drawn, seed, attrs)


@settings(max_examples=25, deadline=None)
@given(layer=layers(), weight_format=st.sampled_from(FORMATS))
def test_any_layer_on_the_host(layer: Layer, weight_format: str, folder: Path) -> None:
    need("gcc")
    case = layer.case(weight_format)
    for kernel in (k for k in PORTABLE if k.op == case.node.op and k.parts.weights == weight_format):
        if takes(kernel, case.node) and kernel.accepts(case.facts):
            program = host_program(kernel, "gcc", folder)
            np.testing.assert_array_equal(run_on_host(kernel, case, program), case.expected(), err_msg=kernel.name)


@pytest.mark.parametrize(
    ("weight_format", "most"), [("w1", 1.05), ("w2", 2.05), ("wt5", 1.7), ("w4", 4.05)], ids=FORMATS
)
def test_layers_of_64_x_64_keep_the_bits_of_their_format(weight_format: str, most: float) -> None:
    """Bits per weight of every layout, the tables of the channels not counted."""
    shapes = {"dense": [(1, 64), (64, 64)], "conv2d": [(1, 4, 4, 64), (64, 1, 1, 64)]}
    for kernel in PORTABLE:
        if kernel.parts.weights == weight_format and kernel.op in shapes:
            case = Layer(kernel.op, *shapes[kernel.op]).case(weight_format)  # type: ignore[arg-type]
            assert 8 * LAYOUTS[kernel.layout](case.node)["weights"].size / 4096 <= most, kernel.name
