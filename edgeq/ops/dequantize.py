"""From integers to reals at the border of a quantized graph; the C never computes it."""

from __future__ import annotations

from collections.abc import Sequence

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.base import Operator
from edgeq.ops.registry import register


@register
class Dequantize(Operator):
    """y = x: in real arithmetic a quantized value already stands for its real number."""

    name = "dequantize"
    summary = "DequantizeLinear, DEQUANTIZE (at the border of the graph)"
    lowers_to_integers = False

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        return [node.input(0).shape]

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        (x,) = inputs
        assert x is not None
        return [x]
