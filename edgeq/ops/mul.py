"""Multiplication of two int8 or two int16 tensors with their own scales."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array, DType
from edgeq.ops.base import Operator, Params
from edgeq.ops.broadcast import (
    ATTRIBUTES,
    apply_pairs,
    broadcast_shape,
    loop_params,
    output_params,
    pair_rows,
    real_pairs,
)
from edgeq.ops.fixed_point import check_accumulator, quantize_multiplier, requantize
from edgeq.ops.inferences import Operands, require_widths
from edgeq.ops.registry import register
from edgeq.ops.row_window import RowWindow

LARGEST_PRODUCT = 255 * 255
"""|qa - za| * |qb - zb| of int8 values."""
LARGEST_WIDE_PRODUCT = 1 << 30
"""|qa * qb| of int16 values."""


@register
class Mul(Operator):
    """y = clamp(a * b), broadcast."""

    name = "mul"
    summary = "Mul, MUL"
    attributes: ClassVar = ATTRIBUTES
    gives_wide = True
    equal_widths = True

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        return [broadcast_shape(node)]

    def takes_wide(self, node: Node, index: int) -> bool:
        return True

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        return real_pairs(node, inputs, np.multiply)

    def lower(self, node: Node) -> Params:
        require_widths(node)
        a, b, y = node.input(0), node.input(1), node.output
        # TFLite forms this factor in single precision; its last bits reach the multiplier.
        factor = np.float32(a.scale) * np.float32(b.scale) / np.float32(y.scale)
        multiplier, shift = quantize_multiplier(float(factor))
        wide = a.type.dtype is DType.INT16
        # the kernel for int8 wants two bits of room
        check_accumulator(LARGEST_WIDE_PRODUCT if wide else 4 * LARGEST_PRODUCT, shift, node.name)
        return {
            **loop_params(node),
            "a_zero_point": a.zero_point,
            "b_zero_point": b.zero_point,
            "multiplier": multiplier,
            "shift": shift,
            **output_params(node),
        }

    def row_window(self, node: Node) -> RowWindow | None:
        return pair_rows(node)

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        p = node.params

        def multiply(a: Array, b: Array) -> Array:
            product = (a.astype(np.int64) - p["a_zero_point"]) * (b.astype(np.int64) - p["b_zero_point"])
            scaled = requantize(product, p["multiplier"], p["shift"]) + p["output_zero_point"]
            return np.asarray(np.clip(scaled, p["clamp_min"], p["clamp_max"]).astype(node.output.type.dtype.numpy))

        return [apply_pairs(node, inputs, multiply)]
