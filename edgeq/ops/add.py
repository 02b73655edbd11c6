"""Addition of two int8 or two int16 tensors with their own scales."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array, DType
from edgeq.ops.addition import add_integers, lower_addition
from edgeq.ops.base import Operator, Params
from edgeq.ops.broadcast import ATTRIBUTES, broadcast_shape, pair_rows, real_pairs
from edgeq.ops.inferences import Operands
from edgeq.ops.registry import register
from edgeq.ops.row_window import RowWindow
from edgeq.ops.wide_addition import add_wide_integers, lower_wide_addition


def _is_wide(node: Node) -> bool:
    return node.input(0).type.dtype is DType.INT16


@register
class Add(Operator):
    """y = clamp(a + b), broadcast."""

    name = "add"
    summary = "Add, Sum of two, ADD"
    attributes: ClassVar = ATTRIBUTES
    gives_wide = True
    equal_widths = True

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        return [broadcast_shape(node)]

    def takes_wide(self, node: Node, index: int) -> bool:
        return True

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        return real_pairs(node, inputs, np.add)

    def lower(self, node: Node) -> Params:
        return lower_wide_addition(node) if _is_wide(node) else lower_addition(node)

    def row_window(self, node: Node) -> RowWindow | None:
        return pair_rows(node)

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        return [add_wide_integers(node, inputs, 1) if _is_wide(node) else add_integers(node, inputs, 1)]
