"""Levels: every real that a row of weights may become, for all ways of storing weights alike.

A level is the scale of its row times an integer of its group: -8..7 for four bits, those times the group's factor, or
the sums of two trit-planes. What rounds weights (to nearest, learned, column by column) needs to know no more of a
format, and whatever it chooses is stored exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgeq.formats.base import Reals

Units = NDArray[np.int64]


@dataclass(frozen=True)
class Levels:
    """units: [rows, groups, levels], ascending integers; scale: [rows], positive; size: columns of a group.

    The last group may have fewer columns. Groups of fewer levels repeat one.
    """

    units: Units
    scale: Reals
    size: int

    @staticmethod
    def uniform(scale: Reals, low: int, high: int, columns: int, has_zero: bool = True) -> Levels:
        """One scale per row and the integers from low to high; without 0 only the two ends."""
        values = np.arange(low, high + 1) if has_zero else np.array([low, high])
        return Levels(np.broadcast_to(values, (len(scale), 1, len(values))).astype(np.int64), scale, columns)

    @staticmethod
    def grouped(scale: Reals, factors: Units, size: int, low: int, high: int, has_zero: bool) -> Levels:
        """Integers times the factor [rows, groups] of their group."""
        values = np.arange(low, high + 1) if has_zero else np.array([low, high])
        return Levels(factors[:, :, np.newaxis] * values, scale, size)

    def with_scale(self, scale: Reals) -> Levels:
        """The same integers at other scales."""
        return replace(self, scale=np.asarray(scale, dtype=np.float64))

    @cached_property
    def first(self) -> Units:
        """The lowest integer of each group, [rows, groups]."""
        return self.units[:, :, 0]

    @cached_property
    def stride(self) -> Units:
        """From one integer of a group to the next, [rows, groups], where all are equally far apart."""
        steps = np.diff(self.units, axis=2)
        return steps[:, :, 0] if steps.shape[2] else np.zeros(self.units.shape[:2], dtype=np.int64)

    @cached_property
    def is_even(self) -> bool:
        """Whether the integers of every group are equally far apart: all formats but trit-planes."""
        return bool((np.diff(self.units, axis=2) == self.stride[:, :, np.newaxis]).all())

    @property
    def count(self) -> int:
        """Levels of a group."""
        return int(self.units.shape[2])

    def group_of(self, columns: int) -> NDArray[np.int64]:
        """The group of each column."""
        return np.arange(columns) // self.size

    def index(self, rows: Reals) -> Units:
        """Which level is nearest: [rows, columns] reals -> indices; at equal distance the higher one."""
        return self.index_in(rows / self.scale[:, np.newaxis], self.group_of(rows.shape[1]))

    def index_in(self, ratios: Reals, group: NDArray[np.int64]) -> Units:
        """As `index`, for reals divided by the row's scale already, and columns of the groups named."""
        if self.is_even:
            stride, first = self.stride[:, group], self.first[:, group]
            index = np.floor((ratios - first) / np.maximum(stride, 1) + 0.5)
            return np.where(stride > 0, np.clip(index, 0, self.count - 1), 0).astype(np.int64)
        middles = (self.units[:, :, 1:] + self.units[:, :, :-1]) / 2
        return np.asarray((ratios[:, :, np.newaxis] >= middles[:, group]).sum(axis=2))

    def at(self, index: Units) -> Units:
        """The integers of indices [rows, columns]."""
        group = self.group_of(index.shape[1])
        return np.asarray(self.units[np.arange(len(index))[:, np.newaxis], group[np.newaxis], index])

    def nearest(self, rows: Reals) -> Units:
        """The integers of the levels nearest to reals [rows, columns]."""
        return self.at(self.index(rows))

    def real(self, integers: Units) -> Reals:
        """What integers [rows, columns] stand for."""
        return np.asarray(integers * self.scale[:, np.newaxis])
