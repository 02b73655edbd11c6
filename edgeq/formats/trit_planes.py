"""Trit-planes: weights as the sum of two ternary planes, W = a1 T1 + a2 T2, with a pair of factors per group.

Nine levels from ternary arithmetic, for networks that were not trained for three. The fit follows PTQTP (2025): the
factors by ridge regression for given trits, the trits by trying all nine pairs for given factors, in turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import InternalError
from edgeq.formats.base import Reals
from edgeq.formats.groups import Grouped
from edgeq.formats.packing import Codes

_PAIRS = np.array([(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (1, -1), (-1, 1)], dtype=np.float64)
"""In the order in which ties are decided: as few trits as possible, and none where both factors are 0."""

_ROUNDS = 50
"""At most; a group usually stands still after five to ten."""

_RIDGE = 1e-6
"""Of the largest sum of squares: keeps two equal planes from dividing by 0 and changes no useful fit."""


def _nearest(group: Reals, scales: Reals) -> NDArray[np.int64]:
    """Index of the pair of trits nearest to each element: [rows, m] and [rows, 2] -> [rows, m]."""
    levels = scales @ _PAIRS.T
    return np.asarray(np.abs(group[:, :, np.newaxis] - levels[:, np.newaxis]).argmin(axis=-1))


@dataclass(frozen=True)
class TritPlanes(Grouped):
    """Groups with two planes of a ternary base format."""

    planes: ClassVar[int] = 2
    suffix: ClassVar[str] = "x2"

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.base.low, self.base.high, self.base.has_zero) != (-1, 1, True):
            raise InternalError(f"trit-planes are ternary, {self.base.name} is not")

    def _fit(self, group: Reals) -> Reals:
        # Normalized so that no square overflows or vanishes. Starts with nine equidistant levels that reach the
        # largest element; the best of all rounds counts.
        size = np.abs(group).max(axis=1, keepdims=True)
        unit = group / np.where(size > 0, size, 1.0)
        scales = np.broadcast_to([0.75, 0.25], (len(group), 2))
        best, least = scales, np.full(len(group), np.inf)
        for _ in range(_ROUNDS):
            trits = _PAIRS[_nearest(unit, scales)]
            error = ((unit - (trits * scales[:, np.newaxis]).sum(axis=-1)) ** 2).sum(axis=1)
            better = error < least
            if not better.any():
                break
            best, least = np.where(better[:, np.newaxis], scales, best), np.minimum(error, least)
            squares = np.einsum("rmp,rmq->rpq", trits, trits) + _RIDGE * group.shape[1] * np.eye(2)
            products = np.einsum("rmp,rm->rp", trits, unit)
            # A negative factor is a positive one with its trits turned round.
            scales = np.abs(np.linalg.solve(squares, products[..., np.newaxis])[..., 0])
        return np.asarray(np.sort(best * size, axis=1)[:, ::-1])

    def _assign(self, group: Reals, scales: Reals) -> Codes:
        trits = _PAIRS[_nearest(group, scales)].astype(np.int64)
        return self.base.to_codes(np.moveaxis(trits, -1, 0))
