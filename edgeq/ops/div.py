"""Division by a constant, kept where its rounding decides a quantization. Exists only in real graphs."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.base import Operator
from edgeq.ops.broadcast import ATTRIBUTES, broadcast_shape, real_pairs
from edgeq.ops.inferences import Operands
from edgeq.ops.registry import register


@register
class Div(Operator):
    """y = clamp(a / b), broadcast."""

    name = "div"
    summary = "Div of two computed values, or of QONNX networks (by a constant it becomes a mul)"
    attributes: ClassVar = ATTRIBUTES
    lowers_to_integers = False

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        return [broadcast_shape(node)]

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        return real_pairs(node, inputs, np.divide)
