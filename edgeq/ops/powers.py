"""Roots, powers and the error function, as exporters spell out normalizations and gelu. Their tables are the real
function in double precision, rounded."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.lookup import RealTable, erf
from edgeq.ops.registry import register

LARGEST = 2.0**100
"""What a power gives where it has no limit, so that tables stay finite."""


@register
class Erf(RealTable):
    """y = 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""

    name = "erf"
    natural_output = (1 / 128, 0)
    summary = "Erf, where it is no gelu"

    def real(self, node: Node, x: Array) -> Array:
        return erf(x)


@register
class Power(RealTable):
    """y = x ** exponent; of negative x only where the exponent is an integer, 0 otherwise."""

    name = "power"
    summary = "Pow with a constant exponent, Sqrt, Reciprocal, where they are no normalization"
    attributes: ClassVar = {"exponent": ...}

    def real(self, node: Node, x: Array) -> Array:
        exponent = float(node.attrs["exponent"])
        base = x if exponent.is_integer() else np.maximum(x, 0.0)
        with np.errstate(divide="ignore", over="ignore"):
            return np.asarray(np.clip(np.power(base, exponent), -LARGEST, LARGEST))
