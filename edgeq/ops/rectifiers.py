"""Piecewise linear and near-linear activations that TFLite computes in fixed point.

relu, relu6, clip, leaky_relu and hard_swish follow the published int8 arithmetic of TFLite's reference kernels, so that
their tables hold the same bits.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.fixed_point import clamp_bounds, high_multiply, quantize_multiplier, round_shift_right
from edgeq.ops.lookup import TableOperator, scale_integers
from edgeq.ops.registry import register


def single_precision_ratio(numerator: float, denominator: float) -> float:
    """numerator / denominator rounded to float32, as TFLite forms some factors."""
    return float(np.float32(numerator) / np.float32(denominator))


class _Clamped(TableOperator):
    """Requantization, then a clamp at two real bounds."""

    def bounds(self, node: Node) -> tuple[float | None, float | None]:
        raise NotImplementedError

    def real(self, node: Node, x: Array) -> Array:
        low, high = self.bounds(node)
        return np.asarray(np.clip(x, -np.inf if low is None else low, np.inf if high is None else high))

    def integers(self, node: Node, q: Array) -> Array:
        x, y = node.input(0), node.output
        low, high = clamp_bounds(y.scale, y.zero_point, *self.bounds(node), y.type.dtype.bounds)
        scaled = scale_integers(q - x.zero_point, single_precision_ratio(x.scale, y.scale))
        return np.asarray(np.clip(scaled + y.zero_point, low, high))


@register
class Relu(_Clamped):
    """y = max(x, 0)."""

    name = "relu"
    summary = "Relu, RELU"

    def bounds(self, node: Node) -> tuple[float | None, float | None]:
        return 0.0, None


@register
class Relu6(_Clamped):
    """y = min(max(x, 0), 6)."""

    name = "relu6"
    summary = "RELU6"

    def bounds(self, node: Node) -> tuple[float | None, float | None]:
        return 0.0, 6.0


@register
class Clip(_Clamped):
    """y = min(max(x, clamp_min), clamp_max); None leaves a side open."""

    name = "clip"
    summary = "Clip, RELU_N1_TO_1, RELU_0_TO_1"
    attributes: ClassVar = {"clamp_min": None, "clamp_max": None}

    def bounds(self, node: Node) -> tuple[float | None, float | None]:
        return node.attrs["clamp_min"], node.attrs["clamp_max"]


@register
class LeakyRelu(TableOperator):
    """y = x for x >= 0, else alpha * x."""

    name = "leaky_relu"
    summary = "LeakyRelu, LEAKY_RELU"
    attributes: ClassVar = {"alpha": ...}

    def real(self, node: Node, x: Array) -> Array:
        return np.asarray(np.where(x >= 0, x, x * node.attrs["alpha"]))

    def integers(self, node: Node, q: Array) -> Array:
        x, y = node.input(0), node.output
        alpha = np.float32(node.attrs["alpha"])
        slope = float(np.float32(x.scale) * alpha / np.float32(y.scale))
        centred = q - x.zero_point
        positive = scale_integers(centred, single_precision_ratio(x.scale, y.scale))
        negative = scale_integers(centred, slope)
        return np.where(centred >= 0, positive, negative) + y.zero_point


def _multiply_q15(x: Array, multiplier: int) -> Array:
    """round_half_up(x * multiplier / 2**15) of 16-bit numbers."""
    return high_multiply(x, multiplier << 16)


def _saturate_left(x: Array, exponent: int) -> Array:
    return np.asarray(np.clip(x << exponent, -(2**15), 2**15 - 1))


def _multiplier_q15(factor: float) -> tuple[int, int]:
    """A factor as a 15-bit multiplier and an exponent."""
    multiplier, shift = quantize_multiplier(factor)
    return min((multiplier + (1 << 15)) >> 16, 2**15 - 1), shift


@register
class HardSwish(TableOperator):
    """y = x * min(max(x + 3, 0), 6) / 6."""

    name = "hard_swish"
    summary = "HardSwish, HARD_SWISH"

    def real(self, node: Node, x: Array) -> Array:
        return np.asarray(x * np.clip(x + 3, 0, 6) / 6)

    def integers(self, node: Node, q: Array) -> Array:
        x, y = node.input(0), node.output
        # Inputs are widened by 7 bits. The gate clamp(x / 6 + 1/2, 0, 1) is formed in Q15 where +-1 stands for +-3;
        # the other factor is x on the output scale.
        fine_scale = np.float32(1 / 128) * np.float32(x.scale)
        out_multiplier, out_shift = _multiplier_q15(float(fine_scale / np.float32(y.scale)))
        if out_shift > 0:
            raise UnsupportedError(
                "hard_swish with an output scale under 1/128 of its input scale",
                where=node.name,
                hint="quantize the model again",
            )
        gate_multiplier, gate_shift = _multiplier_q15(float(fine_scale / np.float32(3 / 32768)))
        fine = (q - x.zero_point) << 7
        on_output_scale = _multiply_q15(fine, out_multiplier)
        # The last doubling comes after the product, so that saturation is to the exact bounds of the gate.
        gate = _saturate_left(fine, gate_shift - 1) if gate_shift > 0 else fine
        gate = _multiply_q15(gate, gate_multiplier)
        gate = _saturate_left(gate, 1) if gate_shift > 0 else round_shift_right(gate, -gate_shift)
        gate = (gate + (1 << 15)) >> 1
        product = gate * on_output_scale
        cut = np.sign(product) * (np.abs(product) >> 15)
        return round_shift_right(cut, -out_shift) + y.zero_point
