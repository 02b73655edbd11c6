"""The integers at which a quantized function of a sum steps from one level to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.ir.types import Array

LevelFunction = Callable[[Array], Array]
"""int64 sums [channels, any] -> levels, int64 of the same shape; the first axis says the channel."""

MOST_TRIALS = 2**22
"""Sums at which a function is tried out; beyond that not each one is."""
LARGEST_SUM = 2**30


@dataclass(frozen=True)
class Thresholds:
    """Per channel and level, the smallest sum (of negated weights where `falling`) that reaches the level.

    rows: int64 [channels, levels - 1], ascending. falling: bool [channels]. low, high: what the sums can reach, after
    negation; a threshold up to low is always met, one above high never.
    """

    rows: Array
    falling: Array
    low: Array
    high: Array


def find_thresholds(function: LevelFunction, targets: Array, low: Array, high: Array, where: str) -> Thresholds:
    """targets: levels in ascending order, the lowest left out. low, high: int64 [channels], the reach of the sums.

    Raises UnsupportedError when the function both rises and falls within a channel's reach.
    """
    ends = function(np.stack([low, high], axis=1))
    falling = ends[:, 1] < ends[:, 0]
    sign = np.where(falling, -1, 1)[:, np.newaxis]

    def rising(sums: Array) -> Array:
        return function(sums * sign)

    low, high = np.where(falling, -high, low), np.where(falling, -low, high)
    _check_monotone(rising, low, high, where)
    # Searched far beyond the reach, so that channels which differ by a shift alone are seen to do so.
    reach = min(4 * int(max(np.abs(low).max(), np.abs(high).max())) + 1024, LARGEST_SUM)
    below = np.full((len(low), len(targets)), -reach - 1, dtype=np.int64)
    above = np.full_like(below, reach + 1)
    while (above - below > 1).any():
        middle = (below + above) // 2
        reached = rising(middle) >= targets
        above = np.where(reached, middle, above)
        below = np.where(reached, below, middle)
    return Thresholds(above, falling, low, high)


def _check_monotone(rising: LevelFunction, low: Array, high: Array, where: str) -> None:
    channels, widest = len(low), int((high - low).max()) + 1
    count = min(widest, max(MOST_TRIALS // channels, 2))
    if count == widest:
        trials = np.minimum(low[:, np.newaxis] + np.arange(count), high[:, np.newaxis])
    else:
        trials = np.linspace(low, high, count, axis=1).astype(np.int64)
    found = rising(trials)
    wrong = (np.diff(found, axis=1) < 0).any(axis=1)
    if wrong.any():
        raise UnsupportedError(
            f"what lies between the sums and this quantization rises and falls in channel {int(np.argmax(wrong))}",
            where=where,
            hint="only functions that rise or fall throughout become thresholds; quantize before the activation",
        )


def shared_row(found: Thresholds) -> tuple[Array, Array] | None:
    """(one row, a bias per channel) that tell the same levels from sum + bias; None where there are none."""
    rows, low, high = found.rows, found.low[:, np.newaxis], found.high[:, np.newaxis]
    if rows.shape[1] == 0:
        return None
    certain = np.abs(rows) < np.abs(rows).max()  # at the end of the search a threshold may be anything beyond
    row = rows[int(np.argmax(certain.sum(axis=1)))]
    # Any level that both rows show gives the shift; it is then proved for all.
    usable = certain & (np.abs(row) < np.abs(rows).max())
    first = np.argmax(usable, axis=1)
    shift = np.where(usable.any(axis=1), row[first] - rows[np.arange(len(rows)), first], 0)
    same = row[np.newaxis, :] - shift[:, np.newaxis]
    never, always = (same > high) & (rows > high), (same <= low) & (rows <= low)
    if not ((same == rows) | never | always).all() or np.abs(shift).max() >= LARGEST_SUM:
        return None
    return row, shift
