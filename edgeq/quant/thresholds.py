"""Outputs below eight bits: layers that count thresholds, and element-wise operators that clamp."""

from __future__ import annotations

import numpy as np

from edgeq.formats import number_format
from edgeq.ir.graph import Node, Value
from edgeq.ir.types import Array, DType, TensorType

NEVER = 2**31 - 1
"""A threshold beyond every sum; its negative is always met."""


def format_bounds(form: str) -> tuple[int, int]:
    """The smallest and the largest integer of an activation format."""
    row = number_format(form)
    return row.low, row.high


def end_in_levels(node: Node) -> None:
    """Gives a quantized layer the thresholds that its output's format and quantization ask for.

    The output is the nearest level of `sum * factor + zero point`, halves upwards, within the layer's clamp: level q
    begins at the smallest sum with `sum * factor >= q - 1/2 - zero point`, one row of such sums per channel.
    """
    form = number_format(node.output.type.format)
    step = 1 if form.has_zero else 2
    levels = np.arange(form.low + step, form.high + 1, step)
    x, weights, y = node.input(0), node.input(1), node.output
    factors = x.scale * np.asarray(weights.quantization.scale) / y.scale
    edges = levels - step / 2 - y.zero_point
    with np.errstate(over="ignore"):
        sums = np.ceil(edges[np.newaxis, :] / factors[:, np.newaxis])
    rows = np.clip(sums, -NEVER, NEVER).astype(np.int64)
    rows = _within_clamp(node, rows, levels)
    thresholds = rows.astype(np.int32)
    kind = TensorType(thresholds.shape, DType.INT32)
    node.inputs = [x, weights, node.optional(2), Value(f"{node.name}.thresholds", kind, thresholds)]
    node.attrs |= {"level_low": form.low, "level_step": step, "clamp_min": None, "clamp_max": None}


def _within_clamp(node: Node, rows: Array, levels: Array) -> Array:
    """Levels up to that of the clamp's lower end are always reached, those above its upper end never."""
    y, low, high = node.output, node.attrs.get("clamp_min"), node.attrs.get("clamp_max")
    if low is not None:
        rows = np.where(levels - y.zero_point <= np.floor(low / y.scale + 0.5), -NEVER, rows)
    if high is not None:
        rows = np.where(levels - y.zero_point > np.floor(high / y.scale + 0.5), NEVER, rows)
    return np.asarray(rows)


def limit_output(node: Node) -> None:
    """Clamps an element-wise operator to the integers of its output's format, besides its own clamp."""
    form, y = number_format(node.output.type.format), node.output
    low, high = (form.low - y.zero_point) * y.scale, (form.high - y.zero_point) * y.scale
    own_low, own_high = node.attrs.get("clamp_min"), node.attrs.get("clamp_max")
    node.attrs["clamp_min"] = low if own_low is None else max(low, own_low)
    node.attrs["clamp_max"] = high if own_high is None else min(high, own_high)
