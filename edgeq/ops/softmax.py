"""Softmax over the last axis."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array, DType
from edgeq.ops.base import Operator, Params
from edgeq.ops.fixed_exp import exp_on_negative_values, reciprocal_of_one_plus
from edgeq.ops.fixed_point import high_multiply, quantize_multiplier, requantize, round_shift_right
from edgeq.ops.inferences import Operands, each_inference, normal_axis, operand, require_widths, saturated
from edgeq.ops.registry import register

OUTPUT_SCALE = 1 / 256
OUTPUT_ZERO_POINT = -128
WIDE_BITS = 15
"""Bits behind the point of an int16 output."""
SUM_INTEGER_BITS = 12
"""The sum of exponentials is Q12.19."""
LARGEST_ROW = (1 << SUM_INTEGER_BITS) - 1
_SCALED_DIFF_INTEGER_BITS = 5


def exponentials(factor: float) -> Array:
    """exp(-factor * d) in Q0.31 for d = 0, 1, ..., as int32, up to the last one that can change a result.

    `factor` = beta * input scale. An exponential under 2**-20 adds nothing to the sum and gives the smallest output.
    """
    real = min(factor * 2.0 ** (31 - _SCALED_DIFF_INTEGER_BITS), 2.0**31 - 1)
    multiplier, shift = quantize_multiplier(real)
    # The largest difference whose scaled value still fits the 5 integer bits.
    limit = math.floor((2**_SCALED_DIFF_INTEGER_BITS - 1) * 2.0 ** (31 - _SCALED_DIFF_INTEGER_BITS) / 2.0**shift)
    differences = np.arange(min(limit, 255) + 1, dtype=np.int64)
    table = exp_on_negative_values(requantize(-differences, multiplier, shift))
    used = np.flatnonzero(round_shift_right(table, SUM_INTEGER_BITS))
    return table[: int(used[-1]) + 1].astype(np.int32)


@register
class Softmax(Operator):
    """y[..., i] = exp(beta * x[..., i]) / sum_j exp(beta * x[..., j]), over `axis`."""

    name = "softmax"
    summary = "Softmax over the last axis, SOFTMAX"
    attributes: ClassVar = {"axis": -1, "beta": 1.0}
    natural_output = (OUTPUT_SCALE, OUTPUT_ZERO_POINT)
    wide_natural_output = (1 / 2**WIDE_BITS, 0)
    only_natural_output = True
    gives_wide = True

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        shape = node.input(0).shape
        normal_axis(node.attrs["axis"], len(shape))
        return [shape]

    def _axis(self, node: Node) -> int:
        return normal_axis(node.attrs["axis"], len(node.input(0).shape))

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        axis = self._axis(node)

        def one(block: Operands) -> Array:
            x = operand(block, 0).astype(np.float64) * node.attrs["beta"]
            e = np.exp(x - x.max(axis=axis, keepdims=True))
            return np.asarray(e / e.sum(axis=axis, keepdims=True))

        return [each_inference(node, inputs, one) if axis == 0 else one(inputs)]

    def lower(self, node: Node) -> Params:
        require_widths(node)
        x, y, axis = node.input(0), node.output, self._axis(node)
        row = x.shape[axis]
        if any(d != 1 for d in x.shape[axis + 1 :]):
            raise UnsupportedError(
                f"softmax over axis {axis} of {list(x.shape)}",
                where=node.name,
                hint="transpose it to the end",
            )
        if row > LARGEST_ROW:
            raise UnsupportedError(f"softmax over {row} values; at most {LARGEST_ROW}", where=node.name)
        natural = self.wide_natural_output if y.type.dtype is DType.INT16 else self.natural_output
        if not math.isclose(y.scale, natural[0], rel_tol=1e-6) or y.zero_point != natural[1]:
            raise UnsupportedError(
                f"softmax with output scale {y.scale:.6g} and zero point {y.zero_point}",
                where=node.name,
                hint=f"the integer softmax gives {natural[0]:.6g} and {natural[1]}; requantize after it",
            )
        if node.attrs["beta"] <= 0:
            raise UnsupportedError(f"softmax with beta {node.attrs['beta']}", where=node.name)
        table = exponentials(node.attrs["beta"] * x.scale)
        return {"rows": x.type.elements // row, "columns": row, "table_count": len(table), "exponentials": table}

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        p, x = node.params, operand(inputs, 0)
        rows = x.reshape(-1, p["columns"]).astype(np.int64)
        difference = rows.max(axis=1, keepdims=True) - rows
        table = np.concatenate([p["exponentials"].astype(np.int64), np.zeros(256 - p["table_count"], dtype=np.int64)])
        e = table[difference]
        total = round_shift_right(e, SUM_INTEGER_BITS).sum(axis=1, keepdims=True)
        # total = 2**bits * (1 + rest) with 0 <= rest < 1, as Q12.19.
        bits = np.floor(np.log2(total.astype(np.float64))).astype(np.int64) - (31 - SUM_INTEGER_BITS)
        rest = (total << (SUM_INTEGER_BITS - bits)) - (1 << 31)
        scaled = high_multiply(e, reciprocal_of_one_plus(rest))
        behind = WIDE_BITS if node.output.type.dtype is DType.INT16 else 8
        y = round_shift_right(scaled, bits + 31 - behind) + node.output.zero_point
        return [saturated(node, y).reshape(x.shape)]
