"""Functions of one int16: straight lines between 513 results, and factors for requantization.

The results are those at every 128th input, -32768 to 32768. An int8 output keeps eight bits behind the point until
the only rounding, half up, at the end.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgeq.errors import ModelDataError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array, DType
from edgeq.ops.base import Params
from edgeq.ops.fixed_point import quantize_multiplier, requantize

STEP_BITS = 7
"""2**7 inputs from one result to the next."""
INT8_FRACTION = 8
"""Bits behind the point of the results for an int8 output."""
LARGEST_SHIFT = 15
"""Of an int16 to the left in 32 bits."""


def lower_wide_lookup(node: Node, function: Callable[[Array], Array]) -> Params:
    """The table of a real function of reals."""
    x, y = node.input(0), node.output
    points = np.arange(-(1 << 15), (1 << 15) + 1, 1 << STEP_BITS)
    fraction = INT8_FRACTION if y.type.dtype is DType.INT8 else 0
    results = (function(points * x.scale) / y.scale + y.zero_point) * 2.0**fraction
    low, high = DType.INT16.bounds
    return {
        "count": y.type.elements,
        "right": STEP_BITS + fraction,
        "clamp_max": y.type.dtype.bounds[1],
        "table": np.rint(np.clip(results, low, high)).astype(np.int16),
    }


def wide_lookup(node: Node, q: Array) -> Array:
    """The interpolated results of a lowered node."""
    p, table = node.params, node.params["table"].astype(np.int64)
    position = q.astype(np.int64) + (1 << 15)
    index, rest = position >> STEP_BITS, position & ((1 << STEP_BITS) - 1)
    first = table[index]
    y = ((first << STEP_BITS) + (table[index + 1] - first) * rest + (1 << (p["right"] - 1))) >> p["right"]
    return np.asarray(np.minimum(y, p["clamp_max"]).astype(node.output.type.dtype.numpy))


def lower_wide_scaling(node: Node) -> Params:
    """Of int16 -> int8 or int16 with another scale. Raises ModelDataError."""
    x, y = node.input(0), node.output
    multiplier, shift = quantize_multiplier(x.scale / y.scale)
    if shift > LARGEST_SHIFT:
        raise ModelDataError("the output's scale is far too small for the input's", where=node.name)
    low, high = y.type.dtype.bounds
    return {
        "count": y.type.elements,
        "multiplier": multiplier,
        "shift": shift,
        "output_zero_point": y.zero_point,
        "clamp_min": low,
        "clamp_max": high,
    }


def wide_scaling(node: Node, q: Array) -> Array:
    """The scaled integers of a lowered node."""
    p = node.params
    y = requantize(q, p["multiplier"], p["shift"]) + p["output_zero_point"]
    return np.asarray(np.clip(y, p["clamp_min"], p["clamp_max"]).astype(node.output.type.dtype.numpy))
