"""Products of two computed tensors, as attention has them."""

from __future__ import annotations

from math import prod
from typing import ClassVar

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array, DType
from edgeq.ops.base import Operator, Params
from edgeq.ops.fixed_point import check_accumulator, quantize_multiplier, requantize
from edgeq.ops.inferences import Operands, each_inference, operand, require_widths, saturated
from edgeq.ops.registry import register

WIDEST = 255
"""Of a difference between an int8 value and its zero point."""

MOST_WIDE_DEPTH = 256
"""Products of int16 and int8 that fit 32 bits."""


@register
class Matmul(Operator):
    """y[..., m, n] = sum_k a[..., m, k] * b[..., k, n]; with `transpose_b`, b is [..., n, k].

    All axes but the last two count products; b may have 1 where a has more, and then serves them all.
    """

    name = "matmul"
    summary = "MatMul of two computed tensors, Einsum, BATCH_MATMUL"
    attributes: ClassVar = {"transpose_b": False}
    gives_wide = True

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        a, b = node.input(0).shape, node.input(1).shape
        if len(a) != len(b) or len(a) < 2:
            raise ValueError(f"shapes {list(a)} and {list(b)} must have equally many axes, two at least")
        if any(y not in (1, x) for x, y in zip(a[:-2], b[:-2], strict=True)):
            raise ValueError(f"{list(a)} times {list(b)}: the second has products of its own")
        depth, columns = (b[-1], b[-2]) if node.attrs["transpose_b"] else (b[-2], b[-1])
        if a[-1] != depth:
            raise ValueError(f"rows of {a[-1]} times columns of {depth}")
        return [(*a[:-1], columns)]

    def _products(self, node: Node, a: Array, b: Array) -> Array:
        return a @ (b.swapaxes(-1, -2) if node.attrs["transpose_b"] else b)

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        def one(block: Operands) -> Array:
            return self._products(node, operand(block, 0).astype(np.float64), operand(block, 1).astype(np.float64))

        return [each_inference(node, inputs, one) if len(node.output.shape) == 2 else one(inputs)]

    def takes_wide(self, node: Node, index: int) -> bool:
        """The first factor only: 256 products of 15 and 8 bits."""
        return index == 0 and node.input(0).shape[-1] <= MOST_WIDE_DEPTH

    def lower(self, node: Node) -> Params:
        require_widths(node)
        a, b, y = node.input(0), node.input(1), node.output
        depth, columns = a.shape[-1], y.shape[-1]
        batches, shared = prod(a.shape[:-2]), prod(b.shape[:-2])
        if shared not in (1, batches):
            raise UnsupportedError(
                f"{list(a.shape)} times {list(b.shape)}: some products share a factor, others not", where=node.name
            )
        multiplier, shift = quantize_multiplier(a.scale * b.scale / y.scale)
        widest = WIDEST if a.type.dtype is DType.INT8 else 1 << 15
        check_accumulator(depth * widest * WIDEST, shift, node.name)
        swapped = node.attrs["transpose_b"]
        return {
            "batches": batches,
            "rows": a.shape[-2],
            "depth": depth,
            "columns": columns,
            "a_zero_point": a.zero_point,
            "b_zero_point": b.zero_point,
            "b_batch": 0 if shared < batches else depth * columns,
            "b_depth": 1 if swapped else columns,
            "b_column": depth if swapped else 1,
            "multiplier": multiplier,
            "shift": shift,
            "output_zero_point": y.zero_point,
        }

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        p = node.params

        def one(block: Operands) -> Array:
            a = operand(block, 0).astype(np.float64) - p["a_zero_point"]
            b = operand(block, 1).astype(np.float64) - p["b_zero_point"]
            sums = self._products(node, a, b).astype(np.int64)  # exact: far below 2**53
            y = requantize(sums, p["multiplier"], p["shift"]) + p["output_zero_point"]
            return saturated(node, y)

        return [each_inference(node, inputs, one) if len(node.output.shape) == 2 else one(inputs)]

    def macs(self, node: Node) -> int:
        return node.output.type.elements * node.input(0).shape[-1]
