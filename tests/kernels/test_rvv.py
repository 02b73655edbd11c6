"""The kernels for RISC-V cores with vectors give the operators' integers, whatever the length of a vector.

Under QEMU with registers of 128 and 256 bits, and with the intrinsics in plain C on the host, with registers of 512.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeq import resources
from edgeq.ir.types import Array
from edgeq.kernels.registry import Kernel, kernels
from edgeq.ops import operator
from edgeq.pipeline import compile_model
from tests.kernels.cases import Case, constant_channels, make_case
from tests.kernels.host_runner import host_program, run_on_host
from tests.kernels.one_layer import run_layers
from tests.tools import ROOT, need
from tests.unit.quantized_nodes import lowered, tensor

BOARD = "riscv-rvv"
ROWS = [k for k in kernels() if k.parts.isa == "rvv"]
SAME: dict[str, Any] = {"pads": (1, 1, 1, 1)}


@dataclass
class Pair(Case):
    """A lowered node with two inputs."""

    second: Array

    def expected(self) -> Array:
        return operator(self.node.op).compute_integer(self.node, [self.x, self.second])[0]

    def stored_input(self) -> bytes:
        return self.x.tobytes() + self.second.tobytes()


def _drawn(shape: tuple[int, ...], seed: int) -> Array:
    return np.asarray(np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8))


def _pool(op: str, shape: tuple[int, ...], **attrs: Any) -> Case:
    return Case(lowered(op, [tensor(shape)], **attrs), _drawn(shape, shape[-1]))


def _sum(shape: tuple[int, ...], scales: tuple[float, float, float], other: tuple[int, ...] | None = None) -> Case:
    inputs = [tensor(shape, (scales[0], -7)), tensor(other or shape, (scales[1], 100))]
    node = lowered("add", inputs, (scales[2], 3))
    return Pair(node, _drawn(shape, 1), _drawn(other or shape, 2))


def _ties(op: str, input_shape: tuple[int, ...], weight_shape: tuple[int, ...]) -> Case:
    """Factors that are powers of two: many sums lie halfway between two outputs, on both sides of 0."""
    case = make_case(op, input_shape, weight_shape, 11, shifts=(-6, -5))
    case.node.params["multiplier"] = np.full_like(case.node.params["multiplier"], 2**30)
    return case


def layers() -> dict[str, list[Case]]:
    """Fresh layers by operator: channels on both sides of every length of vector, all borders, extremes."""
    return {
        "conv2d": [
            make_case("conv2d", (1, 5, 7, 16), (16, 3, 3, 16), 1, **SAME),
            make_case("conv2d", (1, 5, 4, 3), (9, 3, 3, 3), 2, strides=(2, 2), pads=(0, 1, 1, 1)),
            make_case("conv2d", (1, 6, 5, 17), (65, 1, 1, 17), 3),
            make_case("conv2d", (1, 6, 6, 8), (33, 1, 1, 8), 4, strides=(2, 2)),
            make_case("conv2d", (1, 9, 9, 5), (6, 3, 2, 5), 5, dilations=(2, 3), pads=(2, 3, 2, 3)),
            make_case("conv2d", (1, 1, 1, 1), (1, 1, 1, 1), 6),
            make_case("conv2d", (1, 2, 2, 4), (5, 3, 3, 4), 7, pads=(4, 4, 4, 4), input_zero_point=-128),
            make_case("conv2d", (1, 4, 5, 140), (40, 1, 1, 140), 8, extreme=1, input_zero_point=127),
            make_case("conv2d", (1, 3, 3, 8), (4, 2, 2, 8), 9, shifts=(-31, -1), clamp=(-10, 31)),
            make_case("conv2d", (1, 3, 4, 60), (40, 1, 1, 60), 12, shifts=(-2, -1)),  # beyond 16 bits
            _ties("conv2d", (1, 8, 8, 1), (40, 1, 1, 1)),
            constant_channels(make_case("conv2d", (1, 4, 4, 8), (70, 3, 3, 8), 10, **SAME)),
        ],
        "dense": [
            make_case("dense", (1, 64), (10, 64), 1),
            make_case("dense", (3, 33), (67, 33), 2, clamp=(-100, 90)),
            make_case("dense", (1, 1), (1, 1), 3),
            make_case("dense", (1, 300), (13, 300), 4, extreme=1, input_zero_point=-128),
            constant_channels(make_case("dense", (1, 40), (39, 40), 5)),
        ],
        "depthwise_conv2d": [
            make_case("depthwise_conv2d", (1, 7, 6, 36), (3, 3, 36), 1, **SAME),
            make_case("depthwise_conv2d", (1, 6, 9, 13), (3, 3, 13), 2, strides=(2, 2), pads=(0, 0, 1, 1)),
            make_case("depthwise_conv2d", (1, 9, 8, 3), (2, 4, 3), 3, dilations=(2, 2), pads=(1, 3, 1, 3)),
            make_case("depthwise_conv2d", (1, 12, 1, 8), (10, 1, 8), 4),
            make_case("depthwise_conv2d", (1, 7, 7, 70), (5, 5, 70), 5, pads=(2, 2, 2, 2)),
            make_case("depthwise_conv2d", (1, 1, 2, 2), (3, 3, 2), 6, input_zero_point=99, **SAME),
            make_case("depthwise_conv2d", (1, 2, 2, 4), (3, 3, 4), 7, pads=(4, 4, 4, 4), input_zero_point=-128),
            make_case("depthwise_conv2d", (1, 5, 5, 9), (3, 3, 9), 8, extreme=1, **SAME),
            _ties("depthwise_conv2d", (1, 8, 8, 40), (1, 1, 40)),
            constant_channels(make_case("depthwise_conv2d", (1, 5, 5, 71), (3, 3, 71), 9, **SAME)),
        ],
        "add": [
            _sum((1, 5, 5, 13), (0.5, 3.0, 0.9)),
            _sum((1, 300), (1e-3, 0.7, 0.3)),
            _sum((1, 4, 4, 40), (1.0, 1.0, 2.0), (1, 1, 1, 40)),
        ],
        "avg_pool2d": [
            _pool("avg_pool2d", (1, 7, 5, 70), kernel=(3, 2), strides=(2, 1), pads=(1, 0, 1, 1)),
            _pool("avg_pool2d", (1, 25, 5, 64), kernel=(25, 5)),
            _pool("avg_pool2d", (1, 6, 6, 3), kernel=(2, 2), strides=(2, 2), count_include_pad=True, pads=(1, 1, 1, 1)),
        ],
        "max_pool2d": [
            _pool("max_pool2d", (1, 7, 5, 300), kernel=(3, 2), strides=(2, 1), pads=(1, 0, 1, 1)),
            _pool("max_pool2d", (1, 20, 20, 3), kernel=(2, 2), strides=(2, 2), clamp_min=-1.0, clamp_max=2.0),
            Case(lowered("max_pool2d", [tensor((1, 4, 4, 5))], kernel=(2, 2)), np.full((1, 4, 4, 5), -128, np.int8)),
        ],
        "lookup": [
            Case(lowered("sigmoid", [tensor((1, 700))]), np.resize(np.arange(-128, 128).astype(np.int8), (1, 700))),
        ],
    }


def board_of(bits: int, folder: Path) -> str:
    """The board with registers of so many bits."""
    text = (resources.boards_dir() / f"{BOARD}.toml").read_text("utf-8")
    assert "vlen=128" in text
    path = folder / f"vectors_of_{bits}.toml"
    path.write_text(text.replace("vlen=128", f"vlen={bits}"), "utf-8")
    return str(path)


def _taken(kernel: Kernel) -> list[Case]:
    cases = layers()[kernel.op]
    taken = [case for case in cases if kernel.accepts(case.facts)]
    assert len(taken) == len(cases), "a layer that no vector kernel takes proves nothing"
    return taken


@pytest.mark.parametrize("kernel", ROWS, ids=lambda k: k.name)
def test_layers_on_the_emulated_core(kernel: Kernel, tmp_path: Path) -> None:
    need("qemu-riscv", "zig")
    counts = []
    for bits in (128, 256):
        results = run_layers(kernel, taken := _taken(kernel), board_of(bits, tmp_path), tmp_path / str(bits))
        for case, result in zip(taken, results, strict=True):
            np.testing.assert_array_equal(result.output, case.expected(), err_msg=f"{bits} {case.node.params}")
        counts.append(sum(result.instructions for result in results))
    assert counts[1] < counts[0], "longer vectors must save instructions"


@pytest.mark.parametrize("kernel", [k for k in ROWS if k.parts.weights], ids=lambda k: k.name)
def test_long_vectors_in_plain_c(kernel: Kernel, tmp_path: Path) -> None:
    need("gcc")
    program = host_program(kernel, "gcc", tmp_path, ("EDGEQ_HOST_VLEN=512",))
    for case in _taken(kernel):
        np.testing.assert_array_equal(run_on_host(kernel, case, program), case.expected())


@pytest.mark.parametrize("kernel", [k for k in ROWS if k.overlap], ids=lambda k: k.name)
def test_output_over_the_input(kernel: Kernel, tmp_path: Path) -> None:
    """As close as the row allows: a layer alone in its model shares its memory."""
    need("qemu-riscv", "zig")
    case = _taken(kernel)[1]
    (result,) = run_layers(kernel, [case], BOARD, tmp_path)
    np.testing.assert_array_equal(result.output, case.expected())


def test_a_folder_for_the_core_is_proved_on_a_pc_too(tmp_path: Path) -> None:
    """The intrinsics in plain C that host builds use give the core's bits."""
    need("cc", "qemu-riscv", "zig")
    examples = ROOT / "examples" / "digits"
    result = compile_model(
        examples / "digits.onnx", BOARD, out=tmp_path / "m", calibrate=examples / "digits_calibration.npz"
    )
    assert any(step["kernel"].endswith("__rvv") for step in result.manifest["steps"])
    assert result.verify(samples=4).bit_exact
