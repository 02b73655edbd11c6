"""What the element-wise functions of one input share: a table, computed at conversion, of 256 results for int8."""

from __future__ import annotations

import math
from abc import abstractmethod

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array, DType
from edgeq.ops.base import Operator, Params
from edgeq.ops.fixed_point import quantize_multiplier, requantize
from edgeq.ops.inferences import Operands, operand, require_widths, saturated
from edgeq.ops.row_window import EACH_ROW, RowWindow
from edgeq.ops.wide_lookup import lower_wide_lookup, wide_lookup

_erf = np.vectorize(math.erf, otypes=[np.float64])
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
        require_widths(node)
        if node.input(0).type.dtype is DType.INT16:
            return self.lower_wide(node)
        results = saturated(node, self.integers(node, EVERY_INT8))
        # The index is the input's byte read as unsigned: 0..127, then -128..-1.
        return {"count": node.output.type.elements, "table": np.roll(results, 128)}

    def lower_wide(self, node: Node) -> Params:
        """The parameters for an int16 input, where the operator takes it."""
        return lower_wide_lookup(node, lambda x: self.real(node, x))

    def facts(self, node: Node) -> dict[str, int]:
        return super().facts(node) | {"linear": int("multiplier" in node.params)}

    def row_window(self, node: Node) -> RowWindow | None:
        return EACH_ROW

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        x = operand(inputs, 0)
        if node.input(0).type.dtype is DType.INT16:
            return [wide_lookup(node, x)]
        return [node.params["table"][x.view(np.uint8)]]


class SmoothTable(TableOperator):
    """Base of the functions that may be interpolated: they take and give int16 too."""

    gives_wide = True

    def takes_wide(self, node: Node, index: int) -> bool:
        return True


class RealTable(TableOperator):
    """Base of the tables that are the real function: dequantize, function, scale in float64, rounded."""

    def integers(self, node: Node, q: Array) -> Array:
        x, y = node.input(0), node.output
        return round_half_away(self.real(node, x.scale * (q - x.zero_point)) / y.scale) + y.zero_point


def erf(x: Array) -> Array:
    """2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x, for float64 reals."""
    return np.asarray(_erf(x))


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) of reals, without overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def round_half_away(x: Array) -> Array:
    """Nearest integers of reals, halves away from zero, as int64; infinities become huge."""
    bounded = np.clip(x, -(2.0**40), 2.0**40)
    return np.asarray(np.trunc(bounded + np.copysign(0.5, bounded)).astype(np.int64))


def scale_integers(q: Array, factor: float) -> Array:
    """q * factor for |q| <= 255 with double rounding; factors may be negative, and so large that every q saturates."""
    multiplier, shift = quantize_multiplier(abs(factor))
    # From 2**21 on, one unit already leaves int8: a larger shift would only overflow.
    return requantize(q, multiplier if factor >= 0 else -multiplier, min(shift, 22))
