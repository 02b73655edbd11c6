"""QONNX's fake quantization: reals to the nearest point of a grid of few integers. Exists only in real graphs."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.formats.rounding import integer_bounds, quantized_levels
from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.base import Operator
from edgeq.ops.inferences import Operands, operand
from edgeq.ops.registry import register


def quant_bounds(node: Node) -> tuple[int, int]:
    """Smallest and largest integer of the node's grid."""
    a = node.attrs
    if a["bits"] == 1 and a["signed"]:
        return -1, 1
    return integer_bounds(a["bits"], a["signed"], a["narrow"])


def quant_levels(node: Node, x: Array) -> Array:
    """The integers q of reals x, as floats of x's type; every step is rounded to that type."""
    a = node.attrs
    return quantized_levels(
        x,
        a["scale"],
        a["zero_point"],
        bits=a["bits"],
        signed=a["signed"],
        narrow=a["narrow"],
        rounding=a["rounding"],
    )


@register
class Quant(Operator):
    """y = (q - zero_point) * scale with q = round(x / scale + zero_point), limited to `bits` bits.

    bits 1 and signed: q is +1 from 0 on and -1 below. rounding: a name of `edgeq.formats.rounding`.
    """

    name = "quant"
    summary = "Quant, IntQuant, BipolarQuant of QONNX (become integers and thresholds)"
    attributes: ClassVar = {
        "scale": ...,
        "zero_point": 0,
        "bits": ...,
        "signed": True,
        "narrow": False,
        "rounding": "ROUND",
    }
    lowers_to_integers = False

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        return [node.input(0).shape]

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        x, a = operand(inputs, 0), node.attrs
        reals = x if x.dtype.kind == "f" else x.astype(np.float64)
        kind = reals.dtype.type
        return [(quant_levels(node, reals) - kind(a["zero_point"])) * kind(a["scale"])]
