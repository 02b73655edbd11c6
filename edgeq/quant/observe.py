"""Calibration: what is seen of every value of a real graph over a data set, in bounded memory.

Per value: its ends, a histogram, the mean of each element, and the ends of each channel. Data pass by in batches and
may be any number; what is kept does not grow with them, and does not depend on how they were cut into batches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from edgeq.errors import CalibrationError
from edgeq.ir.graph import Graph, Value
from edgeq.ir.types import Array
from edgeq.ops.execute import run_real

BATCH = 32
"""Samples per evaluation: bounds the memory, not the result."""
BINS = 2048
"""Of a histogram, at most."""


@dataclass
class Histogram:
    """Counts of values in bins [k * width, (k + 1) * width), `start` the first k.

    The width is the least power of two with which all that was seen fits BINS bins. As the range grows, pairs of bins
    become one, so that the counts are those of the whole data at the final width, whatever came first.
    """

    exponent: int | None = None
    start: int = 0
    counts: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def width(self) -> float:
        """Of a bin; 0 before anything was seen."""
        return 0.0 if self.exponent is None else float(2.0**self.exponent)

    def include(self, array: Array, low: float, high: float) -> None:
        """Counts an array; low and high: the ends of all that was seen, this array included."""
        exponent = _exponent(low, high)
        if self.exponent is not None:
            exponent = max(exponent, self.exponent)
            self._coarsen(exponent)
        self.exponent = exponent
        bins = np.floor(array.reshape(-1) * 2.0**-exponent).astype(np.int64)
        first, last = int(bins.min()), int(bins.max())
        if not self.counts.size:
            self.start = first
        grown_start = min(self.start, first)
        grown = np.zeros(max(self.start + len(self.counts) - 1, last) - grown_start + 1, dtype=np.int64)
        grown[self.start - grown_start : self.start - grown_start + len(self.counts)] = self.counts
        grown[first - grown_start : last - grown_start + 1] += np.bincount(bins - first)
        self.start, self.counts = grown_start, grown

    def _coarsen(self, exponent: int) -> None:
        assert self.exponent is not None
        if exponent == self.exponent:
            return
        merged = (self.start + np.arange(len(self.counts))) >> (exponent - self.exponent)
        self.start = int(merged[0])
        self.counts = np.bincount(merged - self.start, self.counts).astype(np.int64)

    def centers_and_counts(self) -> tuple[Array, Array]:
        """The middle of each bin and how many values it has."""
        return (self.start + np.arange(len(self.counts)) + 0.5) * self.width, self.counts


def _exponent(low: float, high: float) -> int:
    """Of the least power of two that cuts [low, high] into at most BINS bins."""
    span = max(high - low, 2.0**-1000)
    exponent = int(np.ceil(np.log2(span / BINS)))
    while np.floor(high * 2.0**-exponent) - np.floor(low * 2.0**-exponent) + 1 > BINS:
        exponent += 1
    return exponent


@dataclass
class Range:
    """Smallest and largest real value seen; always contains 0, so that zero is exactly representable."""

    low: float = 0.0
    high: float = 0.0
    total: Array = field(default_factory=lambda: np.zeros(()), repr=False)
    samples: int = 0
    histogram: Histogram = field(default_factory=Histogram, repr=False)
    channel_low: Array = field(default_factory=lambda: np.zeros(0), repr=False)
    channel_high: Array = field(default_factory=lambda: np.zeros(0), repr=False)

    def include(self, array: Array) -> None:
        """Adds samples, which the first axis counts; the last axis counts channels."""
        self.low = min(self.low, float(array.min()))
        self.high = max(self.high, float(array.max()))
        self.total = self.total + array.sum(axis=0, keepdims=True)
        self.histogram.include(array, self.low, self.high)
        channels = array.reshape(-1, array.shape[-1] if array.ndim > 1 else 1)
        low, high = channels.min(axis=0), channels.max(axis=0)
        self.channel_low = np.minimum(self.channel_low, low) if self.samples else low
        self.channel_high = np.maximum(self.channel_high, high) if self.samples else high
        self.samples += len(array)

    @property
    def mean(self) -> Array | None:
        """The mean over all samples, element by element, in the shape of one sample; None before the first."""
        return np.asarray(self.total / self.samples) if self.samples else None


def observe_ranges(graph: Graph, inputs: Mapping[str, Array]) -> dict[str, Range]:
    """As `observe_batches`. `inputs`: real arrays by input name, first axis = samples, all of one length."""
    return observe_batches(graph, batches_of(inputs))


def observe_batches(graph: Graph, batches: Iterable[Mapping[str, Array]]) -> dict[str, Range]:
    """What is seen of each value, by its name. Raises CalibrationError where a value becomes NaN or infinite."""
    ranges: dict[str, Range] = {}

    def observe(value: Value, array: Array) -> None:
        if not np.isfinite(array).all():
            raise CalibrationError(
                f"value {value.name!r} becomes NaN or infinite on the calibration data",
                hint="check that the calibration data are scaled as the network was trained",
            )
        ranges.setdefault(value.name, Range()).include(array)

    for batch in batches:
        run_real(graph, batch, observe)
    return ranges


def batches_of(inputs: Mapping[str, Array]) -> Iterable[dict[str, Array]]:
    """Arrays in batches, as float64."""
    samples = len(next(iter(inputs.values())))
    for start in range(0, samples, BATCH):
        yield {name: np.asarray(array[start : start + BATCH], dtype=np.float64) for name, array in inputs.items()}
