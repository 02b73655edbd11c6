"""Looks for a bias and a fixed-point factor per channel that step at exactly the sums that thresholds say.

They take nine bytes per output channel, whatever the number of levels; thresholds take two to four per level.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgeq.errors import ModelDataError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array, TensorType
from edgeq.ops.fixed_point import exact_multiplier, quantize_multiplier, requantize, requantize_once
from edgeq.ops.registry import operator
from edgeq.passes.exact_chain import Sums
from edgeq.passes.exact_levels import Thresholds

NEIGHBOURS = (0, 1, -1, 2, -2)
"""Biases that are tried, relative to the best real one."""
LARGEST_BIAS = 2**28

Rule = Callable[[Array], Array]


def requantized(sums: Sums, found: Thresholds, kind: TensorType, lowest: int) -> tuple[Array, Array] | None:
    """(bias per channel, real of one unit of the sum per channel), None unless every channel has them."""
    assert kind.quantization is not None
    zero_point, output_scale = kind.quantization.tensor_zero_point, kind.quantization.tensor_scale
    count = found.rows.shape[1]
    steps = np.arange(lowest + 1, lowest + 1 + count) - zero_point
    biases, factors = [], []
    for channel in range(sums.channels):
        row, low, high = found.rows[channel], int(found.low[channel]), int(found.high[channel])
        fitted = _fit(sums.op, row, steps, low, high)
        if fitted is None:
            return None
        biases.append(fitted[0])
        factors.append(fitted[1])
    return np.array(biases, dtype=np.int64), np.array(factors) * output_scale


def _fit(op: str, row: Array, steps: Array, low: int, high: int) -> tuple[int, float] | None:
    """(bias, factor): requantizing sum + bias gives at least steps[k] from row[k] on, for low <= sum <= high."""
    inside = (row > low) & (row <= high)
    if not inside.any():  # always the same level: so small a factor that the sum makes no difference
        factor = 0.25 / (high - low + 1)
        level = steps[0] - 1 + int((row <= low).sum()) if len(steps) else 0
        return round(float(level) / factor), factor
    used, at = row[inside].astype(np.float64), steps[inside] - 0.5
    # Every step says (row - 1 + bias) * factor < step - 1/2 <= (row + bias) * factor, nearly: a line through them.
    if len(used) > 1:
        places = used - 0.5
        spread = places - places.mean()
        if not spread.any():
            return None
        factor = float((spread * at).sum() / (spread**2).sum())
        offset = float(at.mean() - factor * places.mean())
    else:
        factor, offset = 1.0 / max(high - low, 1), 0.0
        offset = at[0] - used[0] * factor
    if not factor > 0:
        return None
    centre = round(offset / factor)
    if abs(centre) > LARGEST_BIAS:
        return None
    for neighbour in NEIGHBOURS:
        bias = centre + neighbour
        for candidate in _factors(used + bias, at):
            if _proved(op, row, steps, low, high, bias, candidate):
                return bias, candidate
    return None


def _factors(firsts: Array, at: Array) -> list[float]:
    """Factors with (first - 1) * factor < at <= first * factor for every step; a few of them, none if impossible."""
    least, most = 0.0, np.inf
    for first, level in zip(firsts, at, strict=True):
        for place, is_upper in ((first, False), (first - 1, True)):
            if place == 0:
                if (level > 0) != is_upper:
                    return []
                continue
            bound = level / place
            # Division by a negative number turns the inequality around.
            if is_upper != (place < 0):
                most = min(most, bound)
            else:
                least = max(least, bound)
    if not 0 < least <= most < np.inf:
        return [least] if 0 < least < np.inf and least <= most else []
    return [(least + most) / 2, least, most]


def _steps_right(rule: Rule, row: Array, steps: Array, low: Array | int, high: Array | int) -> bool:
    """The rule gives at least steps[k] from row[k] on and less before, as far as sums reach."""
    first = np.clip(row, low, high + 1)
    at = rule(np.minimum(first, high)) >= steps
    before = rule(np.maximum(first - 1, low)) < steps
    return bool((at | (first > high)).all() and (before | (first <= low)).all())


def _proved(op: str, row: Array, steps: Array, low: int, high: int, bias: int, factor: float) -> bool:
    reach = max(abs(low + bias), abs(high + bias))
    multiplier, shift = exact_multiplier(factor, reach) if op == "dense" else quantize_multiplier(factor)
    if multiplier == 0 or reach << max(shift, 0) >= 2**31:
        return False
    rounding = requantize_once if op == "dense" else requantize
    return _steps_right(lambda n: rounding(n + bias, multiplier, shift), row, steps, low, high)


def proved(node: Node, found: Thresholds, lowest: int) -> bool:
    """Whether the node, as it will be lowered, gives the levels that the thresholds tell, wherever sums reach."""
    try:
        params = operator(node.op).lower(node)
    except ModelDataError:
        return False
    given = node.optional(2)
    bias = np.zeros((1, 1), dtype=np.int64) if given is None else given.constant.astype(np.int64)[:, np.newaxis]
    multiplier, shift = params["multiplier"][:, np.newaxis], params["shift"][:, np.newaxis]
    rounding = requantize_once if node.op == "dense" else requantize

    def rule(n: Array) -> Array:
        scaled = rounding(n + bias, multiplier, shift) + params["output_zero_point"]
        return np.asarray(np.clip(scaled, params["clamp_min"], params["clamp_max"]))

    levels = lowest + 1 + np.arange(found.rows.shape[1])
    right = _steps_right(rule, found.rows, levels, found.low[:, np.newaxis], found.high[:, np.newaxis])
    return right and (params["clamp_min"], params["clamp_max"]) == (lowest, lowest + found.rows.shape[1])
