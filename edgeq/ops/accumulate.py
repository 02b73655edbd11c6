"""What convolutions and dense layers share: folded bias, the epilogues of sums, proved accumulator bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from edgeq.formats.groups import group_format
from edgeq.ir.graph import Attr, Node, Value
from edgeq.ir.types import Array, DType
from edgeq.ops.base import Params
from edgeq.ops.fixed_point import (
    check_accumulator,
    clamp_bounds,
    exact_multiplier,
    quantize_multipliers,
    requantize,
    untied_multiplier,
)

Epilogue = Literal["requantize", "levels", "sums"]

MOST_WIDE_TAPS = 384
"""384 products of 15 and 7 bits stay under 3/4 of 2**31; a bias takes at most the rest (edgeq/quant/quantize.py)."""

LEVEL_ATTRIBUTES: Mapping[str, Attr] = {"level_low": 0, "level_step": 1, "weight_format": ""}
"""What every operator that accumulates knows besides its shape; docs/architecture.md, section 8."""


def epilogue(node: Node) -> Epilogue:
    """How the sums of a quantized node become its output: input 3 holds thresholds, int32 outputs are sums."""
    if node.optional(3) is not None:
        return "levels"
    return "sums" if node.output.type.dtype is DType.INT32 else "requantize"


def takes_wide_activations(node: Node, channel_axis: int, index: int) -> bool:
    """Whether sums of int16 times int8 and any bias fit 32 bits, for `Operator.takes_wide`."""
    weights = node.input(1)
    return index == 0 and weights.type.elements // weights.shape[channel_axis] <= MOST_WIDE_TAPS


def lower_accumulation(node: Node, channel_axis: int) -> Params:
    """The parameters after the shape: zero points, folded bias, and what the epilogue needs.

    Weights are integers, symmetric, with output channels on `channel_axis`. The bias absorbs the input's zero point:
    sum(w * (x - zp)) + b == sum(w * x) + (b - zp * sum(w)), where padding supplies x = zp.
    """
    x, weights, bias = node.input(0), node.input(1), node.optional(2)
    w = weights.constant.astype(np.int64)
    channels = w.shape[channel_axis]
    taps = tuple(a for a in range(w.ndim) if a != channel_axis)
    b = np.zeros(channels, dtype=np.int64) if bias is None else bias.constant.astype(np.int64)
    folded = b - x.zero_point * w.sum(axis=taps)
    reach = np.abs(w).sum(axis=taps) * _largest(x) + np.abs(folded)
    if epilogue(node) == "requantize":
        return _lower_requantize(node, channels, folded, reach) | _lower_factors(node)
    return _lower_levels(node, folded, reach) | _lower_factors(node)


def _lower_factors(node: Node) -> Params:
    """What weights in groups need besides; their integers are products already."""
    factors = node.optional(4)
    if factors is None:
        return {}
    return {"factors": factors.constant, "group_size": group_format(node.attrs["weight_format"]).size}


def _largest(x: Value) -> int:
    """The largest magnitude of an activation."""
    low, high = x.type.bounds
    return max(-low, high)


def _lower_requantize(node: Node, channels: int, folded: Array, reach: Array) -> Params:
    x, weights, y = node.input(0), node.input(1), node.output
    scales = np.broadcast_to(np.asarray(weights.quantization.scale, dtype=np.float64), (channels,))
    factors = x.scale * scales / y.scale
    if node.op == "dense" and y.type.dtype is DType.INT8:  # an int16 output has too many steps to look at
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


def _lower_levels(node: Node, folded: Array, reach: Array) -> Params:
    check_accumulator(int(reach.max(initial=0)), 0, node.name)
    given = node.optional(3)
    thresholds = np.zeros((1, 0), dtype=np.int64) if given is None else given.constant.astype(np.int64)
    if len(thresholds) > 1 and folded.any():  # a row per channel takes the bias with it
        thresholds, folded = thresholds - folded[:, np.newaxis], np.zeros_like(folded)
    # Beyond the reach of any sum a threshold says always or never; limited, more of them fit 16 bits.
    limit = int(reach.max(initial=0)) + 1
    thresholds = np.clip(thresholds, -limit, limit)
    narrow = limit <= np.iinfo(np.int16).max
    count = thresholds.shape[1]
    return {
        "input_zero_point": node.input(0).zero_point,
        "threshold_count": count,
        "threshold_stride": count if len(thresholds) > 1 else 0,
        "threshold_bytes": 2 if narrow else 4,
        "weights": node.input(1).constant,
        "bias": (folded if folded.any() else folded[:0]).astype(np.int32),
        "thresholds": thresholds.astype(np.int16 if narrow else np.int32),
    }


def constant_channels(node: Node, channel_axis: int) -> Array:
    """Which output channels of a lowered node have no weight but zeros, so that their output never changes."""
    w = node.params["weights"]
    return np.asarray(~np.any(w, axis=tuple(a for a in range(w.ndim) if a != channel_axis)))


def accumulation_facts(node: Node, channel_axis: int) -> dict[str, int]:
    """What kernels ask about a lowered node besides its shape.

    taps: weights per output channel. right_shifts: 1 when every channel shifts right by at least one bit.
    accumulator_bits: magnitude bits that hold every accumulator. symmetric_weights: no -128. weight_low, weight_high:
    of all weights and 0. levels: of the output, 1 for sums. Channels of constant output are left out of the first two,
    and factors of 0 out of the first: packers give them tables that fit. untied (dense): 1 when every channel has a
    multiplier for rounding half up.
    """
    if not node.params:
        return {}
    weights = node.params["weights"]
    live = ~constant_channels(node, channel_axis)
    facts = {
        "taps": weights.size // weights.shape[channel_axis],
        "accumulator_bits": int(_accumulator_bounds(node, channel_axis)[live].max(initial=0)).bit_length(),
        "symmetric_weights": int(weights.min(initial=0) > -128),
        "weight_low": int(weights.min(initial=0)),
        "weight_high": int(weights.max(initial=0)),
    }
    if epilogue(node) != "requantize":
        return facts | {"levels": node.params["threshold_count"] + 1}
    multiplier, shift = node.params["multiplier"], node.params["shift"]
    facts["right_shifts"] = int(np.all((shift < 0) | (multiplier == 0) | ~live))
    if node.op == "dense":
        facts["untied"] = int(facts["right_shifts"] == 1 and bool(np.all(untied_multipliers(node)[live] >= 0)))
    return facts


def untied_multipliers(node: Node) -> Array:
    """For every channel of a dense layer a multiplier for rounding half up (`untied_multiplier`), -1 where none is."""
    bounds = _accumulator_bounds(node, 0)
    found = [
        untied_multiplier(int(m), min(int(s), -1), int(b))
        for m, s, b in zip(node.params["multiplier"], node.params["shift"], bounds, strict=True)
    ]
    return np.array([-1 if m is None else m for m in found], dtype=np.int64)


def _accumulator_bounds(node: Node, channel_axis: int) -> Array:
    w = np.abs(node.params["weights"].astype(np.int64))
    taps = tuple(a for a in range(w.ndim) if a != channel_axis)
    bias = np.abs(node.params["bias"].astype(np.int64))
    return np.asarray(w.sum(axis=taps) * _largest(node.input(0)) + (bias if bias.size else 0))


def accumulator_bound(node: Node, channel_axis: int) -> int:
    """The largest magnitude that any accumulator of a lowered node can reach, partial sums included."""
    return int(_accumulator_bounds(node, channel_axis).max())


def finish_accumulation(node: Node, sums: Array, rule: Callable[..., Array] = requantize) -> Array:
    """Sums without bias, channels last -> the node's output. `rule` rounds where the epilogue requantizes."""
    p, kind = node.params, epilogue(node)
    total = sums + p["bias"] if p["bias"].size else sums
    if kind == "sums":
        return total.astype(np.int32)
    if kind == "requantize":
        scaled = rule(total, p["multiplier"], p["shift"]) + p["output_zero_point"]
        return np.asarray(np.clip(scaled, p["clamp_min"], p["clamp_max"]).astype(node.output.type.dtype.numpy))
    count = np.zeros(total.shape, dtype=np.int64)
    for level in range(p["threshold_count"]):
        count += p["thresholds"][:, level] <= total
    return np.asarray((node.attrs["level_low"] + node.attrs["level_step"] * count).astype(np.int8))


def exact_matmul(a: Array, b: Array) -> Array:
    """Integer matrix product through float64: exact while every partial sum stays under 2**53."""
    return np.rint(a.astype(np.float64) @ b.astype(np.float64)).astype(np.int64)


def real_clamp(node: Node, y: Array) -> Array:
    """The real bounds of the node's clamp attributes applied to `y`."""
    low, high = node.attrs.get("clamp_min"), node.attrs.get("clamp_max")
    if low is None and high is None:
        return y
    return np.clip(y, -np.inf if low is None else low, np.inf if high is None else high)
