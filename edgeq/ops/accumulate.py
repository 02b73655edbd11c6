"""What convolutions and dense layers share: folded bias, per-channel requantization, proved accumulator bounds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgeq.ir.graph import Node, Value
from edgeq.ir.types import Array
from edgeq.ops.base import Params
from edgeq.ops.fixed_point import (
    check_accumulator,
    clamp_bounds,
    exact_multiplier,
    quantize_multipliers,
    requantize,
)


def lower_accumulation(node: Node, weights: Value, bias: Value | None, channel_axis: int) -> Params:
    """The parameters after the shape: zero points, clamp, folded bias and one factor per output channel.

    `weights` are int8, symmetric, with output channels on `channel_axis`. The bias absorbs the input's zero point:
    sum(w * (x - zp)) + b == sum(w * x) + (b - zp * sum(w)), where padding supplies x = zp.
    """
    x, y = node.input(0), node.output
    w = weights.constant.astype(np.int64)
    channels = w.shape[channel_axis]
    taps = tuple(a for a in range(w.ndim) if a != channel_axis)
    b = np.zeros(channels, dtype=np.int64) if bias is None else bias.constant.astype(np.int64)
    folded = b - x.zero_point * w.sum(axis=taps)

    x_low, x_high = x.type.dtype.bounds
    reach = np.abs(w).sum(axis=taps) * max(-x_low, x_high) + np.abs(folded)
    scales = np.broadcast_to(np.asarray(weights.quantization.scale, dtype=np.float64), (channels,))
    factors = x.scale * scales / y.scale
    if node.op == "dense":
        pairs = [exact_multiplier(float(f), int(reach.max())) for f in factors]
        multiplier = np.array([m for m, _ in pairs], dtype=np.int32)
        shift = np.array([s for _, s in pairs], dtype=np.int8)
    else:
        multiplier, shift = quantize_multipliers(factors)
    for channel in range(channels):
        check_accumulator(int(reach[channel]), int(shift[channel]), f"{node.name}, output channel {channel}")

    clamp_min, clamp_max = clamp_bounds(
        y.scale, y.zero_point, node.attrs.get("clamp_min"), node.attrs.get("clamp_max"), y.type.dtype.bounds
    )
    return {
        "input_zero_point": x.zero_point,
        "output_zero_point": y.zero_point,
        "clamp_min": clamp_min,
        "clamp_max": clamp_max,
        "weights": weights.constant,
        "bias": folded.astype(np.int32),
        "multiplier": multiplier,
        "shift": shift,
    }


def constant_channels(node: Node, channel_axis: int) -> Array:
    """Which output channels of a lowered node have no weight but zeros, so that their output never changes."""
    w = node.params["weights"]
    return np.asarray(~np.any(w, axis=tuple(a for a in range(w.ndim) if a != channel_axis)))


def accumulation_facts(node: Node, channel_axis: int) -> dict[str, int]:
    """What kernels ask about a lowered node besides its shape.

    taps: weights per output channel. right_shifts: 1 when every channel shifts right by at least one bit.
    accumulator_bits: magnitude bits that hold every accumulator. symmetric_weights: no -128. Channels of constant
    output are left out of both, and factors of 0 out of the first: packers give them tables that fit.
    """
    if not node.params:
        return {}
    weights, multiplier, shift = (node.params[k] for k in ("weights", "multiplier", "shift"))
    live = ~constant_channels(node, channel_axis)
    return {
        "taps": weights.size // weights.shape[channel_axis],
        "right_shifts": int(np.all((shift < 0) | (multiplier == 0) | ~live)),
        "accumulator_bits": int(_accumulator_bounds(node, channel_axis)[live].max(initial=0)).bit_length(),
        "symmetric_weights": int(weights.min(initial=0) > -128),
    }


def _accumulator_bounds(node: Node, channel_axis: int) -> Array:
    w = np.abs(node.params["weights"].astype(np.int64))
    taps = tuple(a for a in range(w.ndim) if a != channel_axis)
    x_low, x_high = node.input(0).type.dtype.bounds
    return np.asarray(w.sum(axis=taps) * max(-x_low, x_high) + np.abs(node.params["bias"].astype(np.int64)))


def accumulator_bound(node: Node, channel_axis: int) -> int:
    """The largest magnitude that any accumulator of a lowered node can reach, partial sums included."""
    return int(_accumulator_bounds(node, channel_axis).max())


def finish_accumulation(
    params: Params, accumulator: Array, dtype: np.dtype[np.generic], rule: Callable[..., Array] = requantize
) -> Array:
    """Accumulators with the folded bias, channels last -> requantized by `rule`, clamped outputs."""
    scaled = rule(accumulator, params["multiplier"], params["shift"]) + params["output_zero_point"]
    return np.asarray(np.clip(scaled, params["clamp_min"], params["clamp_max"]).astype(dtype))


def exact_matmul(a: Array, b: Array) -> Array:
    """Integer matrix product through float64: exact while every partial sum stays under 2**53."""
    return np.rint(a.astype(np.float64) @ b.astype(np.float64)).astype(np.int64)


def real_clamp(node: Node, y: Array) -> Array:
    """The real bounds of the node's clamp attributes applied to `y`."""
    low, high = node.attrs.get("clamp_min"), node.attrs.get("clamp_max")
    if low is None and high is None:
        return y
    return np.clip(y, -np.inf if low is None else low, np.inf if high is None else high)
