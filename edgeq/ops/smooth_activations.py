"""Activations without an integer algorithm: their tables are the real function, rounded.

sigmoid, tanh, elu and gelu evaluate in single precision as TFLite does when it fills its own tables; silu and
hard_sigmoid, which it has not, in double precision.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.lookup import RealTable, SmoothTable, erf, round_half_away, sigmoid
from edgeq.ops.registry import register


class _SinglePrecision(SmoothTable):
    """Dequantize, function, scale: every step rounded to float32."""

    def integers(self, node: Node, q: Array) -> Array:
        x, y = node.input(0), node.output
        reals = np.float32(x.scale) * (q - x.zero_point).astype(np.float32)
        results = self.real(node, reals.astype(np.float64)).astype(np.float32)
        scaled = results * (np.float32(1) / np.float32(y.scale))
        return round_half_away(scaled.astype(np.float64)) + y.zero_point


@register
class Sigmoid(_SinglePrecision):
    """y = 1 / (1 + exp(-x))."""

    name = "sigmoid"
    natural_output = (1 / 256, -128)
    wide_natural_output = (1 / 2**15, 0)
    summary = "Sigmoid, LOGISTIC"

    def real(self, node: Node, x: Array) -> Array:
        return sigmoid(x)


@register
class Tanh(_SinglePrecision):
    """y = tanh(x)."""

    name = "tanh"
    natural_output = (1 / 128, 0)
    wide_natural_output = (1 / 2**15, 0)
    summary = "Tanh, TANH"

    def real(self, node: Node, x: Array) -> Array:
        return np.tanh(x)


@register
class Elu(_SinglePrecision):
    """y = x for x >= 0, else alpha * (exp(x) - 1)."""

    name = "elu"
    summary = "Elu, ELU"
    attributes: ClassVar = {"alpha": 1.0}

    def real(self, node: Node, x: Array) -> Array:
        return np.where(x >= 0, x, node.attrs["alpha"] * np.expm1(np.minimum(x, 0)))


@register
class Gelu(_SinglePrecision):
    """y = x / 2 * (1 + erf(x / sqrt(2))), or its approximation by tanh."""

    name = "gelu"
    summary = "Gelu, GELU"
    attributes: ClassVar = {"approximate": False}

    def real(self, node: Node, x: Array) -> Array:
        if node.attrs["approximate"]:
            return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))
        return np.asarray(0.5 * x * (1 + erf(x * math.sqrt(0.5))))


@register
class Silu(SmoothTable, RealTable):
    """y = x / (1 + exp(-x)), also called swish."""

    name = "silu"
    summary = "x * Sigmoid(x), Swish"

    def real(self, node: Node, x: Array) -> Array:
        return x * sigmoid(x)


@register
class HardSigmoid(RealTable):
    """y = min(max(alpha * x + beta, 0), 1)."""

    name = "hard_sigmoid"
    summary = "HardSigmoid"
    attributes: ClassVar = {"alpha": 0.2, "beta": 0.5}

    def real(self, node: Node, x: Array) -> Array:
        return np.asarray(np.clip(node.attrs["alpha"] * x + node.attrs["beta"], 0, 1))
