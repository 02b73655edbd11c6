"""From what calibration has seen of a value to the range that its integers cover: one row per method.

All but min-max read a histogram of the value, so they work on any amount of data in bounded memory. Each answers with
a range [low, high] that contains 0 and lies inside what was seen; what lies outside saturates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from edgeq.errors import UsageError
from edgeq.ir.graph import Graph
from edgeq.ir.types import Array
from edgeq.quant.observe import Range
from edgeq.quant.plan import PLAIN, WIDE, Plan
from edgeq.quant.thresholds import format_bounds

PERCENTILE = 99.99
"""Per cent of the values that `percentile` keeps; half of the others may lie beyond each end."""
CANDIDATES = 96
"""Ranges that `mse` and `entropy` try along each end."""
SMALLEST_PART = 1 / 512
"""The smallest of them, as a part of what was seen; from it to the whole they grow by equal factors."""

Choose = Callable[[Range, int], tuple[float, float]]
"""(what was seen, number of integers) -> (low, high)."""


@dataclass(frozen=True)
class Calibration:
    """A row."""

    name: str
    summary: str
    choose: Choose
    source: str = ""


def _parts() -> Array:
    return np.geomspace(1.0, SMALLEST_PART, CANDIDATES)


def _min_max(seen: Range, levels: int) -> tuple[float, float]:
    return seen.low, seen.high


def _percentile(seen: Range, levels: int) -> tuple[float, float]:
    centers, counts = seen.histogram.centers_and_counts()
    share = np.cumsum(counts) / counts.sum()
    tail = (1 - PERCENTILE / 100) / 2
    half = seen.histogram.width / 2
    low = centers[np.searchsorted(share, tail, side="right")] - half
    high = centers[min(int(np.searchsorted(share, 1 - tail)), len(centers) - 1)] + half
    return max(min(low, 0.0), seen.low), min(max(high, 0.0), seen.high)


def _mse(seen: Range, levels: int) -> tuple[float, float]:
    """Coordinate descent over both ends: each in turn is tried at CANDIDATES parts of what was seen."""
    centers, counts = seen.histogram.centers_and_counts()
    low, high = seen.low, seen.high
    parts = np.append(_parts(), 0.0)
    for _ in range(2):
        low = min(seen.low * parts, key=_error_with(centers, counts, levels, high=high))
        high = min(seen.high * parts, key=_error_with(centers, counts, levels, low=low))
    return low, high


def _error_with(
    centers: Array, counts: Array, levels: int, low: float | None = None, high: float | None = None
) -> Callable[[float], float]:
    def error(end: float) -> float:
        return _squared_error(centers, counts, end if low is None else low, end if high is None else high, levels)

    return error


def _squared_error(centers: Array, counts: Array, low: float, high: float, levels: int) -> float:
    """Of rounding to the integers that cover [low, high]."""
    scale = (high - low) / (levels - 1)
    if scale <= 0:
        return float((counts * centers**2).sum())
    first = round(low / scale)
    rounded = np.clip(np.rint(centers / scale), first, first + levels - 1) * scale
    return float((counts * (centers - rounded) ** 2).sum())


def _entropy(seen: Range, levels: int) -> tuple[float, float]:
    """Both ends shrink together; the part with the least divergence of the rounded from the clipped distribution."""
    centers, counts = seen.histogram.centers_and_counts()
    parts = _parts()
    losses = [_divergence(centers, counts, seen.low * p, seen.high * p, levels) for p in parts]
    best = float(parts[int(np.argmin(losses))])
    return seen.low * best, seen.high * best


def _divergence(centers: Array, counts: Array, low: float, high: float, levels: int) -> float:
    """Kullback-Leibler, of the clipped histogram from what remains of it after rounding.

    What lies outside is counted at the ends; a rounded level spreads its count over the bins that it stands for.
    """
    inside = (centers >= low) & (centers <= high)
    if not inside.any() or high <= low:
        return float("inf")
    p = counts[inside].astype(np.float64)
    q_counts = p.copy()
    p[0] += counts[centers < low].sum()
    p[-1] += counts[centers > high].sum()
    scale = (high - low) / (levels - 1)
    level = np.rint((centers[inside] - low) / scale).astype(np.int64)
    filled = (p > 0).astype(np.float64)
    totals = np.bincount(level, q_counts)
    bins = np.bincount(level, filled)
    q = np.where(filled > 0, totals[level] / np.maximum(bins[level], 1), 0.0)
    p, q = p / p.sum(), q / max(q.sum(), 1e-300)
    here = p > 0
    return float((p[here] * np.log(p[here] / np.maximum(q[here], 1e-12))).sum())


_ROWS = (
    Calibration("min-max", "all that was seen; the default at eight bits", _min_max),
    Calibration("percentile", f"{PERCENTILE} % of the values", _percentile),
    Calibration("mse", "least squared error; the default below eight bits", _mse),
    Calibration("entropy", "least divergence of the distributions", _entropy, "Migacz, 8-bit Inference, 2017"),
)

CALIBRATIONS: dict[str, Calibration] = {row.name: row for row in _ROWS}


def check_calibration(name: str | None) -> None:
    """Raises UsageError for a name without a row."""
    if name is not None and name not in CALIBRATIONS:
        raise UsageError(f"{name!r} is not a way to calibrate", hint=f"use one of: {', '.join(CALIBRATIONS)}")


def calibrated(seen: Range, levels: int, name: str | None = None) -> Range:
    """The range that so many integers should cover; the mean and all else stays. Without a name: the default."""
    row = CALIBRATIONS[name or ("min-max" if levels >= 256 else "mse")]
    low, high = row.choose(seen, levels)
    if not high - low > 0:
        return seen
    return replace(seen, low=float(low), high=float(high))


def calibrated_ranges(graph: Graph, seen: Mapping[str, Range], plan: Plan, name: str | None = None) -> dict[str, Range]:
    """The ranges of all values, each for as many integers as the plan gives it."""
    forms = {v.name: plan.layer(node.name).activations for node in graph.nodes for v in node.outputs}
    found = {}
    for value, observed in seen.items():
        if forms.get(value) == WIDE:  # bits to spare: nothing is cut off
            found[value] = observed
            continue
        low, high = format_bounds(forms.get(value, PLAIN))
        found[value] = calibrated(observed, high - low + 1, name)
    return found
