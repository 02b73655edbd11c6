"""What the element-wise functions of one int8 input share: a table of their 256 results, computed at conversion."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.base import Operator, Params
from edgeq.ops.fixed_point import quantize_multiplier, requantize
from edgeq.ops.inferences import Operands, operand, require_int8
from edgeq.ops.row_window import EACH_ROW, RowWindow

EVERY_INT8 = np.arange(-128, 128, dtype=np.int64)


class TableOperator(Operator):
    """Base of the operators that run as `lookup`: `output = table[(uint8_t)input]`."""

    kernel_op = "lookup"

    @abstractmethod
    def real(self, node: Node, x: Array) -> Array:
        """The function on float64 reals."""

    @abstractmethod
    def integers(self, node: Node, q: Array) -> Array:
        """Quantized results for the quantized inputs `q` (int64); values beyond int8 are clamped by the caller."""

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        return [node.input(0).shape]

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        return [self.real(node, operand(inputs, 0).astype(np.float64))]

    def lower(self, node: Node) -> Params:
        require_int8(node)
        results = np.clip(self.integers(node, EVERY_INT8), -128, 127).astype(np.int8)
        # The index is the input's byte read as unsigned: 0..127, then -128..-1.
        return {"count": node.output.type.elements, "table": np.roll(results, 128)}

    def row_window(self, node: Node) -> RowWindow | None:
        return EACH_ROW

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        return [node.params["table"][operand(inputs, 0).view(np.uint8)]]


def round_half_away(x: Array) -> Array:
    """Nearest integers of reals, halves away from zero, as int64; infinities become huge."""
    bounded = np.clip(x, -(2.0**40), 2.0**40)
    return np.asarray(np.trunc(bounded + np.copysign(0.5, bounded)).astype(np.int64))


def scale_integers(q: Array, factor: float) -> Array:
    """q * factor for |q| <= 255 with double rounding; factors may be negative, and so large that every q saturates."""
    multiplier, shift = quantize_multiplier(abs(factor))
    # From 2**21 on, one unit already leaves int8: a larger shift would only overflow.
    return requantize(q, multiplier if factor >= 0 else -multiplier, min(shift, 22))
