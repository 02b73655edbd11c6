"""Rows of a table by computed places: embeddings of tokens, what belongs to a position."""

from __future__ import annotations

from math import prod

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array, DType
from edgeq.ops.base import Operator, Params
from edgeq.ops.inferences import Operands, operand
from edgeq.ops.registry import register


@register
class Gather(Operator):
    """y[..., :] = table[min(max(x[...], 0), rows - 1)]; inputs [table[rows, ...], x], x int32.

    A place outside of the table gives its first or last row: nothing outside of it is ever read.
    """

    name = "gather"
    summary = "Gather from a constant table by computed places (embedding)"
    keeps_quantization = True

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        table, x = node.input(0).shape, node.input(1).shape
        if len(table) < 2:
            raise ValueError(f"a table of shape {list(table)} has no rows")
        return [(*x, *table[1:])]

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        table = operand(inputs, 0)
        places = np.clip(operand(inputs, 1).astype(np.int64), 0, len(table) - 1)
        return [table[places]]

    def lower(self, node: Node) -> Params:
        table, x = node.input(0), node.input(1)
        if x.type.dtype is not DType.INT32:
            raise UnsupportedError(f"rows of a table by {x.type.dtype.value}, not int32", where=node.name)
        return {
            "rows": table.shape[0],
            "row_bytes": prod(table.shape[1:]) * table.type.dtype.bytes,
            "count": x.type.elements,
        }

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        return self.compute(node, inputs)
