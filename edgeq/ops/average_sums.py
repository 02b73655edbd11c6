"""Averages from sums: the end of global average pooling in patches."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array, DType
from edgeq.ops.accumulate import real_clamp
from edgeq.ops.avg_pool2d import MAX_COUNT, divide_rounding, reciprocal
from edgeq.ops.base import Operator, Params
from edgeq.ops.fixed_point import clamp_bounds
from edgeq.ops.inferences import Operands, operand
from edgeq.ops.registry import register


@register
class AverageSums(Operator):
    """y = clamp(x / count), x the int32 sums of `count` int8 values each; rounded as `avg_pool2d` does."""

    name = "average_sums"
    summary = "end of a global AVERAGE_POOL_2D in patches (`--max-ram`)"
    attributes: ClassVar = {"count": ..., "clamp_min": None, "clamp_max": None}

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        if not 1 <= node.attrs["count"] <= MAX_COUNT:
            raise ValueError(f"{node.attrs['count']} values; 1 to {MAX_COUNT} are averaged")
        return [node.input(0).shape]

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        return [real_clamp(node, operand(inputs, 0).astype(np.float64) / node.attrs["count"])]

    def lower(self, node: Node) -> Params:
        x, y, count = node.input(0), node.output, int(node.attrs["count"])
        if x.type.dtype is not DType.INT32 or y.type.dtype is not DType.INT8:
            raise UnsupportedError(f"averages of {x.type} in {y.type}", where=node.name)
        low, high = clamp_bounds(
            y.scale, y.zero_point, node.attrs["clamp_min"], node.attrs["clamp_max"], y.type.dtype.bounds
        )
        return {
            "channels": y.type.elements,
            "count": count,
            "reciprocal": reciprocal(count),
            "clamp_min": low,
            "clamp_max": high,
        }

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        p = node.params
        mean = divide_rounding(operand(inputs, 0).astype(np.int64), p["count"])
        return [np.clip(mean, p["clamp_min"], p["clamp_max"]).astype(np.int8)]
