"""Where int8 and int16 meet in a quantized graph: which operators take which, and what goes between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from edgeq.ir.graph import Node, Value
from edgeq.ir.types import DType, Quantization
from edgeq.ops.build import make_node
from edgeq.ops.registry import operator
from edgeq.quant.observe import Range
from edgeq.quant.plan import PLAIN, WIDE, LayerPlan
from edgeq.quant.weights import MIN_SCALE

HEADROOM = 2.0
"""How far beyond all that calibration saw an int16 activation reaches: one of its sixteen bits, so that a sample larger
than any before it is not cut off, by which 8-bit activations lose most where samples are few."""


NO_SCALE = 2.0**-24
"""Of a tensor that is always zero: small, so that a sum takes its scale from the other operand."""


def is_zero(observed: Range) -> bool:
    """Whether all that was seen is 0, as far as scales can tell."""
    return max(observed.high, -observed.low) < MIN_SCALE


def wide_quantization(observed: Range) -> Quantization:
    """int16, symmetric."""
    scale = float(np.float32(HEADROOM * max(observed.high, -observed.low) / DType.INT16.bounds[1]))
    return Quantization.per_tensor(NO_SCALE if is_zero(observed) else scale, 0)


def is_wide(value: Value | None) -> bool:
    """Whether a value is int16."""
    return value is not None and value.type.dtype is DType.INT16


class Widths:
    """Gives operators their inputs in a width that they take, through `requantize`; one serves all readers of a value.

    ranges: of the real values, by name. narrow: the int8 quantization of a range.
    """

    def __init__(self, ranges: Mapping[str, Range], narrow: Callable[[Range], Quantization]) -> None:
        self._ranges = ranges
        self._narrow = narrow
        self._adapted: dict[tuple[int, DType], Value] = {}

    def adapt(self, node: Node, plan: LayerPlan) -> list[Node]:
        """New nodes that must run before `node`, whose inputs are changed where need be."""
        row, new = operator(node.op), []
        computed = [(i, v) for i, v in enumerate(node.inputs) if v is not None and not v.is_constant]
        small = bool(plan.weights.group) or plan.activations not in (PLAIN, WIDE)  # its kernels read int8
        for index, value in computed:
            if is_wide(value) and (small or not row.takes_wide(node, index)):
                new += self._through(node, index, DType.INT8)
        if row.equal_widths and (plan.activations == WIDE or any(is_wide(node.inputs[i]) for i, _ in computed)):
            for index, value in computed:
                if not is_wide(value):
                    new += self._through(node, index, DType.INT16)
        return new

    def _through(self, node: Node, index: int, dtype: DType) -> list[Node]:
        value = node.input(index)
        known = self._adapted.get((id(value), dtype))
        if known is not None:
            node.inputs[index] = known
            return []
        seen = self._ranges[value.name]
        target = self._narrow(seen) if dtype is DType.INT8 else wide_quantization(seen)
        name = f"{value.name}.{dtype.value}"
        adapter = make_node("requantize", name, [value], output_names=[name], dtype=dtype, quantizations=[target])
        node.inputs[index] = self._adapted[id(value), dtype] = adapter.output
        return [adapter]
