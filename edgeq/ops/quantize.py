"""From reals to integers at the border of a quantized graph; the C never computes it."""

from __future__ import annotations

from collections.abc import Sequence

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.base import Operator
from edgeq.ops.registry import register


@register
class Quantize(Operator):
    """y = the nearest representable value; the output's quantization says which values are representable."""

    name = "quantize"
    summary = "QuantizeLinear, QUANTIZE from float (at the border of the graph)"
    lowers_to_integers = False

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        return [node.input(0).shape]

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        (x,) = inputs
        assert x is not None
        quantization = node.output.quantization
        return [quantization.dequantize(quantization.quantize(x, node.output.type.dtype))]
