"""Calibration: the range and the mean of every value of a real graph over a data set."""

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


@dataclass
class Range:
    """Smallest and largest real value seen; always contains 0, so that zero is exactly representable."""

    low: float = 0.0
    high: float = 0.0
    total: Array = field(default_factory=lambda: np.zeros(()), repr=False)
    samples: int = 0

    def include(self, array: Array) -> None:
        """Adds samples, which the first axis counts."""
        self.low = min(self.low, float(array.min()))
        self.high = max(self.high, float(array.max()))
        self.total = self.total + array.sum(axis=0, keepdims=True)
        self.samples += len(array)

    @property
    def mean(self) -> Array | None:
        """The mean over all samples, element by element, in the shape of one sample; None before the first."""
        return np.asarray(self.total / self.samples) if self.samples else None


def observe_ranges(graph: Graph, inputs: Mapping[str, Array]) -> dict[str, Range]:
    """Min-max ranges by value name. `inputs`: real arrays by input name, first axis = samples, all of one length."""
    ranges: dict[str, Range] = {}

    def observe(value: Value, array: Array) -> None:
        if not np.isfinite(array).all():
            raise CalibrationError(
                f"value {value.name!r} becomes NaN or infinite on the calibration data",
                hint="check that the calibration data are scaled as the network was trained",
            )
        ranges.setdefault(value.name, Range()).include(array)

    for batch in _batches(inputs):
        run_real(graph, batch, observe)
    return ranges


def _batches(inputs: Mapping[str, Array]) -> Iterable[dict[str, Array]]:
    samples = len(next(iter(inputs.values())))
    for start in range(0, samples, BATCH):
        yield {name: np.asarray(array[start : start + BATCH], dtype=np.float64) for name, array in inputs.items()}
