"""Mean over axes."""

from __future__ import annotations

from math import prod
from typing import ClassVar

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array, DType
from edgeq.ops.base import Operator, Params
from edgeq.ops.fixed_point import check_accumulator, quantize_multiplier, requantize
from edgeq.ops.inferences import Operands, each_inference, normal_axis, operand, require_widths, saturated
from edgeq.ops.registry import register

MOST_WIDE_ELEMENTS = 1 << 14
"""Of a mean of int16, whose sum then fits 30 bits."""


def _axes(node: Node) -> tuple[int, ...]:
    rank = len(node.input(0).shape)
    return tuple(sorted({normal_axis(a, rank) for a in node.attrs["axes"]}))


def averaging_factor(factor: float, count: int) -> tuple[int, int]:
    """(multiplier, shift) of factor / count as TFLite forms it: the multiplier of the factor alone is divided.

    The numerator is shifted left as far as it stays in 63 bits and the whole shift in -31..31, then cut.
    """
    multiplier, shift = quantize_multiplier(factor)
    extra = max(0, min(count.bit_length() - 1, 32, 31 + shift))
    return (multiplier << extra) // count, shift - extra


@register
class Mean(Operator):
    """y = mean of x over `axes`, which stay as 1 with `keepdims`. In C they must be neighbours."""

    name = "mean"
    summary = "ReduceMean, GlobalAveragePool, MEAN"
    attributes: ClassVar = {"axes": ..., "keepdims": True}
    gives_wide = True

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        shape, axes = node.input(0).shape, _axes(node)
        if prod(shape[a] for a in axes) == 0:
            raise ValueError(f"a mean over no elements: axes {list(axes)} of {list(shape)}")
        if node.attrs["keepdims"]:
            return [tuple(1 if a in axes else d for a, d in enumerate(shape))]
        return [tuple(d for a, d in enumerate(shape) if a not in axes)]

    def _reduce(self, node: Node, inputs: Operands, total: bool) -> Array:
        axes, keepdims = _axes(node), node.attrs["keepdims"]

        def one(block: Operands) -> Array:
            x = operand(block, 0)
            if total:
                return np.asarray(x.astype(np.int64).sum(axis=axes, keepdims=keepdims))
            return np.asarray(x.astype(np.float64).mean(axis=axes, keepdims=keepdims))

        return each_inference(node, inputs, one) if 0 in axes else one(inputs)

    def takes_wide(self, node: Node, index: int) -> bool:
        return prod(node.input(0).shape[a] for a in _axes(node)) <= MOST_WIDE_ELEMENTS

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        return [self._reduce(node, inputs, total=False)]

    def lower(self, node: Node) -> Params:
        require_widths(node)
        x, y, axes = node.input(0), node.output, _axes(node)
        real = [a for a in axes if x.shape[a] != 1]
        between = range(real[0], real[-1] + 1) if real else range(0)
        if any(x.shape[a] != 1 and a not in real for a in between):
            raise UnsupportedError(
                f"mean over axes {list(axes)} of {list(x.shape)}: they are not neighbours in memory",
                where=node.name,
                hint="split it into one mean per group of neighbouring axes",
            )
        first, last = (real[0], real[-1] + 1) if real else (0, 0)
        count = prod(x.shape[first:last])
        multiplier, shift = averaging_factor(x.scale / y.scale, count)
        widest = 255 if x.type.dtype is DType.INT8 else 1 << 15
        check_accumulator(widest * count, shift, node.name)
        return {
            "outer": prod(x.shape[:first]),
            "reduce": count,
            "inner": prod(x.shape[last:]),
            "offset": -x.zero_point * count,
            "multiplier": multiplier,
            "shift": shift,
            "output_zero_point": y.zero_point,
        }

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        p = node.params
        total = self._reduce(node, inputs, total=True) + p["offset"]
        scaled = requantize(total, p["multiplier"], p["shift"]) + p["output_zero_point"]
        return [saturated(node, scaled)]

    def facts(self, node: Node) -> dict[str, int]:
        return super().facts(node) | {"elements": node.input(0).type.elements}
