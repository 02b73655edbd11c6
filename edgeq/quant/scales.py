"""The scales at which quantized weights are nearest to the real ones, in the least-squares sense."""

from __future__ import annotations

import numpy as np

from edgeq.ir.types import Array

_EVENTS = 1 << 21
"""Candidates looked at in one go: bounds the memory, not the result."""


def optimal_scales(rows: Array, low: int, high: int) -> Array:
    """[r, n] reals -> [r]: the scale s of each row that minimizes sum((w - s * clip(rint(w / s), low, high))^2).

    low <= 0 <= high. A row of zeros (or of numbers on a side that has no integers) gets 0.

    The minimum is exact. As s falls from infinity, |w| / s passes k + 1/2 at s = |w| / (k + 1/2), and the integer of
    that weight goes from k to k + 1. Between two such events all integers q stand still; the best scale for them is
    <w, q> / <q, q>, and leaves <w, w> - <w, q>^2 / <q, q>. So the events are sorted, the two products are running sums
    over them, and the largest quotient wins. For -1, 0, +1 this is the best of all thresholds of ternary weight
    networks (Li et al., 2016).
    """
    size = np.abs(rows).max(axis=1, keepdims=True)
    unit = rows / np.where(size > 0, size, 1.0)
    most = max(high, -low)
    step = max(1, _EVENTS // max(rows.shape[1] * most, 1))
    parts = [_optimal(unit[start : start + step], low, high) for start in range(0, len(unit), step)]
    return np.asarray(np.concatenate(parts) * size[:, 0])


def _optimal(rows: Array, low: int, high: int) -> Array:
    k = np.arange(max(high, -low))
    magnitude = np.abs(rows)[:, :, np.newaxis]
    there = np.where(rows < 0, -low, high)[:, :, np.newaxis] > k
    events = np.where(there, magnitude / (k + 0.5), 0.0).reshape(len(rows), -1)
    order = np.argsort(-events, axis=1, kind="stable")

    def running(terms: Array) -> Array:
        flat = np.where(there, terms, 0.0).reshape(len(rows), -1)
        return np.asarray(np.cumsum(np.take_along_axis(flat, order, axis=1), axis=1))

    products, squares = running(magnitude), running(2.0 * k + 1)
    safe = np.maximum(squares, 1.0)
    best = np.argmax(products**2 / safe, axis=1)[:, np.newaxis]
    return np.asarray((np.take_along_axis(products, best, 1) / np.take_along_axis(safe, best, 1))[:, 0])


def mean_magnitudes(rows: Array) -> Array:
    """[r, n] -> [r]: the best scales for -1 and +1 (XNOR-Net, Rastegari et al., 2016)."""
    return np.asarray(np.abs(rows).mean(axis=1))


def nearest(rows: Array, scales: Array, low: int, high: int, has_zero: bool) -> Array:
    """Integers [r, n] (int64) of reals at the scales [r] or [r, n]; 0 where the scale is 0.

    Ties to even; without 0: +1 from 0 on, -1 below.
    """
    wide = np.broadcast_to(scales if scales.ndim == 2 else scales[:, np.newaxis], rows.shape)
    if not has_zero:
        return np.where(wide > 0, np.where(rows >= 0, 1, -1), 0)
    with np.errstate(over="ignore"):
        limited = np.clip(rows / np.where(wide > 0, wide, 1.0), low, high)
    return np.where(wide > 0, np.rint(limited).astype(np.int64), 0)
