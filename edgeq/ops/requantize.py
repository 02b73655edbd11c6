"""int8 -> int8 with another scale and zero point."""

from __future__ import annotations

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.lookup import TableOperator, scale_integers
from edgeq.ops.registry import register


@register
class Requantize(TableOperator):
    """y = x, stored with the output's quantization."""

    name = "requantize"
    summary = "QUANTIZE of int8, and what the converter inserts where scales must meet"

    def real(self, node: Node, x: Array) -> Array:
        return x

    def integers(self, node: Node, q: Array) -> Array:
        x, y = node.input(0), node.output
        return scale_integers(q - x.zero_point, x.scale / y.scale) + y.zero_point
