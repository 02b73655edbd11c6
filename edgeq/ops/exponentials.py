"""exp and what is made of it, and the absolute value: tables of the real functions in double precision, rounded."""

from __future__ import annotations

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.lookup import RealTable
from edgeq.ops.registry import register

MOST = 60.0
"""exp of more saturates every output."""


def softplus(x: Array) -> Array:
    """log(1 + exp(x)) without overflow."""
    return np.asarray(np.logaddexp(x, 0.0))


@register
class Exp(RealTable):
    """y = exp(x); a softmax has its own."""

    name = "exp"
    summary = "Exp"

    def real(self, node: Node, x: Array) -> Array:
        return np.exp(np.minimum(x, MOST))


@register
class Softplus(RealTable):
    """y = log(1 + exp(x))."""

    name = "softplus"
    summary = "Softplus"

    def real(self, node: Node, x: Array) -> Array:
        return softplus(x)


@register
class Mish(RealTable):
    """y = x tanh(log(1 + exp(x)))."""

    name = "mish"
    summary = "Mish, x * tanh(softplus(x))"

    def real(self, node: Node, x: Array) -> Array:
        return np.asarray(x * np.tanh(softplus(x)))


@register
class Abs(RealTable):
    """y = |x|."""

    name = "abs"
    summary = "Abs"

    def real(self, node: Node, x: Array) -> Array:
        return np.abs(x)
