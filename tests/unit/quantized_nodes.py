"""Lowered nodes of quantized operators, made in a line, for tests of operators and kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeq.ir.graph import Node, Value
from edgeq.ir.types import Array, DType, Quantization, TensorType
from edgeq.ops import operator
from edgeq.ops.build import make_node

EVERY_INT8 = np.arange(-128, 128, dtype=np.int8)
KEPT = (0.05, -7)
"""(scale, zero point) where the numbers do not matter."""

Numbers = tuple[float, int]


def single(x: float) -> float:
    """The nearest single-precision number: what a .tflite file can hold."""
    return float(np.float32(x))


def tensor(shape: Sequence[int], numbers: Numbers = KEPT, data: Array | None = None) -> Value:
    """An int8 value with (scale, zero point); constant when there is `data`."""
    scale, zero_point = numbers
    kind = TensorType(tuple(shape), DType.INT8, Quantization.per_tensor(single(scale), zero_point))
    return Value("", kind, data)


def lowered(op: str, inputs: Sequence[Value], numbers: Numbers | None = KEPT, **attrs: Any) -> Node:
    """A node with its integer parameters. numbers: (scale, zero point) of the output; None for an int32 output."""
    for index, value in enumerate(inputs):
        value.name = value.name or f"x{index}"
    dtype = DType.INT32 if numbers is None else DType.INT8
    quantization = None if numbers is None else Quantization.per_tensor(single(numbers[0]), numbers[1])
    node = make_node(op, op, inputs, attrs, output_names=["y"], dtype=dtype, quantizations=[quantization])
    node.params = operator(op).lower(node)
    return node


def random_arrays(node: Node, rng: np.random.Generator, *, extreme: bool = False) -> list[Array]:
    """Operands of one inference: constants as they are, the rest random, or drawn from the ends of the range."""

    def draw(shape: tuple[int, ...]) -> Array:
        if extreme:
            return np.asarray(rng.choice([-128, -127, 127], shape).astype(np.int8))
        return np.asarray(rng.integers(-128, 128, shape).astype(np.int8))

    values = [node.input(i) for i in range(len(node.inputs))]
    return [v.constant if v.is_constant else draw(v.shape) for v in values]


def integers(node: Node, arrays: Sequence[Array]) -> Array:
    """The operator's integer reference."""
    return operator(node.op).compute_integer(node, list(arrays))[0]


def reals(node: Node, arrays: Sequence[Array]) -> Array:
    """The operator's real arithmetic on dequantized operands, the result on the output's scale (unrounded)."""
    values = [node.input(i) for i in range(len(node.inputs))]
    given = [v.quantization.dequantize(a) for v, a in zip(values, arrays, strict=True)]
    (result,) = operator(node.op).compute(node, given)
    return np.asarray(result / node.output.scale + node.output.zero_point)
