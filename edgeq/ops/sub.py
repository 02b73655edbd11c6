"""Subtraction of two int8 tensors with their own scales."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.addition import add_integers, lower_addition
from edgeq.ops.base import Operator, Params
from edgeq.ops.broadcast import ATTRIBUTES, broadcast_shape, pair_rows, real_pairs
from edgeq.ops.inferences import Operands
from edgeq.ops.registry import register
from edgeq.ops.row_window import RowWindow


@register
class Sub(Operator):
    """y = clamp(a - b), broadcast."""

    name = "sub"
    summary = "Sub, SUB"
    attributes: ClassVar = ATTRIBUTES

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        return [broadcast_shape(node)]

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        return real_pairs(node, inputs, np.subtract)

    def lower(self, node: Node) -> Params:
        return lower_addition(node)

    def row_window(self, node: Node) -> RowWindow | None:
        return pair_rows(node)

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        return [add_integers(node, inputs, -1)]
