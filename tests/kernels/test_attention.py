"""Attention's kernels as the boards' compilers build them: every output bit on emulated cores, and their figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeq.boards import load_board
from edgeq.ir.graph import Value
from edgeq.ir.types import DType, TensorType
from edgeq.kernels.features import kernel_features
from edgeq.kernels.registry import Kernel, kernels_for
from tests.kernels.cases import Case
from tests.tools import need
from tests.unit.attention_nodes import attention_node
from tests.unit.quantized_nodes import lowered

FIGURES = {"cortex-m4": 2.5, "riscv": 5.0}
"""Instructions per MAC, softmax included, that 256 tokens in 4 heads of 16 may take."""


def case(*size: int, seed: int = 0, tile: int | None = None, **attrs: Any) -> Case:
    """Attention of random queries over constant keys and values."""
    rng = np.random.default_rng(seed)
    node = attention_node(*size, **attrs)
    for value in (node.input(1), node.input(2)):
        value.data = rng.integers(-128, 128, value.shape).astype(np.int8)
    node.params["tile"] = tile or node.params["tile"]
    return Case(node, rng.integers(-128, 128, node.input(0).shape).astype(np.int8))


def ring_case(position: int, *size: int, seed: int = 0, **attrs: Any) -> Case:
    """One query against rings that tokens up to a position have come to."""
    whole = case(*size, seed=seed, **attrs)
    place = np.full((1, 1), position, np.int32)
    inputs = [*whole.node.inputs, Value("position", TensorType((1, 1), DType.INT32), place)]
    y = whole.node.output
    node = lowered("attention_ring", inputs, (y.scale, y.zero_point), **whole.node.attrs)
    return Case(node, whole.x)


SHAPES = {
    "odd": lambda: case(1, 6, 2, 5, 37, 13, 11, scale=0.01),
    "odd, tiles": lambda: case(1, 6, 2, 5, 37, 13, 11, tile=9, scale=0.02, log2=True),
    "causal": lambda: case(2, 2, 2, 19, 21, 8, 4, seed=1, scale=0.01, causal=True),
    "causal, tiles": lambda: case(2, 2, 2, 19, 21, 8, 4, seed=1, tile=6, scale=0.01, causal=True),
    "one": lambda: case(1, 1, 1, 1, 3, 1, 1, scale=0.5),
    "ring, first": lambda: ring_case(0, 1, 6, 2, 1, 37, 13, 11, scale=0.01),
    "ring, filling": lambda: ring_case(17, 1, 6, 2, 1, 37, 16, 16, scale=0.02),
    "ring, full": lambda: ring_case(36, 1, 4, 4, 1, 37, 16, 12, scale=0.01),
    "ring, around": lambda: ring_case(1000, 1, 6, 2, 1, 37, 13, 11, scale=0.01),
}


@pytest.mark.tools
@pytest.mark.parametrize(("board", "compiler"), [("cortex-m4", "zig"), ("riscv", "zig"), ("cortex-m0plus", "gcc")])
@pytest.mark.parametrize("kernel", [*kernels_for("attention"), *kernels_for("attention_ring")], ids=lambda k: k.name)
def test_every_bit_on_the_core(kernel: Kernel, board: str, compiler: str, tmp_path: Path) -> None:
    need("zig", "unicorn", *(["gcc-arm"] if compiler == "gcc" else []))
    from tests.kernels.machine import Machine  # needs the emulator

    if not kernel.runs_on(kernel_features(load_board(board))):
        return
    machine = Machine.of(board, compiler, tmp_path)
    layers = {name: shape() for name, shape in SHAPES.items()}
    taken = {n: c for n, c in layers.items() if c.node.op == kernel.op and kernel.accepts(c.facts)}
    assert taken
    for name, layer in taken.items():
        result = machine.run(kernel, layer)
        np.testing.assert_array_equal(result.output, layer.expected(), err_msg=name)
        assert result.stack_bytes < 1024


@pytest.mark.tools
@pytest.mark.parametrize("board", FIGURES)
def test_figures(board: str, tmp_path: Path) -> None:
    need("zig", "unicorn")
    from tests.kernels.machine import Machine

    layer = case(1, 4, 4, 32, 256, 16, 16, scale=0.01)  # all queries cost alike
    features = kernel_features(load_board(board))
    best = min(
        (k for k in kernels_for("attention") if k.runs_on(features) and k.accepts(layer.facts)),
        key=lambda k: k.instructions(layer.facts, features),
    )
    assert best.scratch_bytes(layer.facts) < 16 * 256
    machine = Machine.of(board, "zig", tmp_path)
    result = machine.run(best, layer)
    np.testing.assert_array_equal(result.output, layer.expected())
    assert result.instructions <= FIGURES[board] * layer.facts["macs"]
    assert result.instructions == pytest.approx(best.instructions(layer.facts, features), rel=0.1)
