"""Other scale, zero point and width."""

from __future__ import annotations

from edgeq.ir.graph import Node
from edgeq.ir.types import Array, DType
from edgeq.ops.base import Params
from edgeq.ops.inferences import Operands, operand
from edgeq.ops.lookup import SmoothTable, scale_integers
from edgeq.ops.registry import register
from edgeq.ops.wide_lookup import lower_wide_scaling, wide_scaling


@register
class Requantize(SmoothTable):
    """y = x, stored with the output's quantization."""

    name = "requantize"
    summary = "QUANTIZE of int8 and int16, and what the converter inserts where scales must meet"

    def real(self, node: Node, x: Array) -> Array:
        return x

    def lower_wide(self, node: Node) -> Params:
        return lower_wide_scaling(node)

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        if node.input(0).type.dtype is DType.INT16:
            return [wide_scaling(node, operand(inputs, 0))]
        return super().compute_integer(node, inputs)

    def integers(self, node: Node, q: Array) -> Array:
        x, y = node.input(0), node.output
        return scale_integers(q - x.zero_point, x.scale / y.scale) + y.zero_point
