"""Sums over the pixels of an image that comes in bands: global average pooling in patches."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array, DType
from edgeq.ops.base import Operator, Params
from edgeq.ops.inferences import Operands, operand
from edgeq.ops.registry import register


@register
class SumPixels(Operator):
    """y[n,0,0,c] = before[n,0,0,c] + the sum over h and w of x[n,h,w,c]: of a band, and of all bands before it."""

    name = "sum_pixels"
    summary = "part of a global AVERAGE_POOL_2D in patches (`--max-ram`)"
    attributes: ClassVar = {}

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        x, before = node.input(0).shape, node.input(1).shape
        if len(x) != 4 or before != (x[0], 1, 1, x[3]):
            raise ValueError(f"sums {list(before)} do not fit an image {list(x)}")
        return [before]

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        x = operand(inputs, 0)
        total = x.sum(axis=(1, 2), keepdims=True, dtype=np.int64 if x.dtype.kind == "i" else np.float64)
        return [operand(inputs, 1) + total]

    def lower(self, node: Node) -> Params:
        x = node.input(0)
        if x.type.dtype is not DType.INT8 or node.output.type.dtype is not DType.INT32:
            raise UnsupportedError(f"sums of {x.type} in {node.output.type}", where=node.name)
        return {"pixels": x.shape[1] * x.shape[2], "channels": x.shape[3]}

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        return [self.compute(node, inputs)[0].astype(np.int32)]
