"""QONNX's Trunc: takes low bits off the integers of a grid. Exists only in real graphs."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.formats.rounding import ROUNDINGS
from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.base import Operator
from edgeq.ops.inferences import Operands, operand
from edgeq.ops.registry import register


def trunc_levels(node: Node, x: Array) -> Array:
    """The integers q of reals x, as floats of x's type; every step is rounded to that type."""
    a, kind = node.attrs, x.dtype.type
    whole = np.rint(x / kind(a["scale"]) + kind(a["zero_point"])) / kind(a["divisor"])
    low, high = a["low"], a["high"]
    limited = np.clip(whole, -np.inf if low is None else kind(low), np.inf if high is None else kind(high))
    return np.asarray(ROUNDINGS[a["rounding"]](limited.astype(kind)))


@register
class Trunc(Operator):
    """y = (q - out_zero_point) * out_scale with q = rounding(limit(rint(x / scale + zero_point) / divisor)).

    divisor: a power of two. low, high: limits of q, None where there is none.
    """

    name = "trunc"
    summary = "Trunc of QONNX (becomes integers and thresholds)"
    attributes: ClassVar = {
        "scale": ...,
        "zero_point": 0,
        "divisor": ...,
        "rounding": "FLOOR",
        "low": None,
        "high": None,
        "out_scale": ...,
        "out_zero_point": 0,
    }
    lowers_to_integers = False

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        return [node.input(0).shape]

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        x, a = operand(inputs, 0), node.attrs
        reals = x if x.dtype.kind == "f" else x.astype(np.float64)
        kind = reals.dtype.type
        return [(trunc_levels(node, reals) - kind(a["out_zero_point"])) * kind(a["out_scale"])]
