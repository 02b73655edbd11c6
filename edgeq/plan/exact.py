"""Branch and bound over placements: the smallest arena of a small graph, proved.

In a smallest plan that is pushed down as far as it goes, every buffer rests on one below it, or on the ground. Taken in
the order of their offsets, each then lies at the lowest place above all that live at the same time and are there
already. So it is enough to try the orders whose offsets never fall (left-justified placements, as in two-dimensional
strip packing: Martello, Monaci, Vigo, "An Exact Approach to the Strip-Packing Problem", 2003). A branch ends when what
is still to come, which lies above everything placed, cannot stay under the best plan.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgeq.plan.packing import Buffer, together

MOST_BUFFERS = 64
NODES = 20_000
"""Placements tried before the search gives up."""


def improve(buffers: Sequence[Buffer], total: int, bound: int) -> tuple[int, bool]:
    """Looks for a plan under `total` bytes, which the buffers' offsets are; sets better ones.

    Returns the bytes and whether no plan can be smaller. bound: no plan is smaller.
    """
    if total <= bound:
        return total, True
    if len(buffers) > MOST_BUFFERS or any(b.parts for b in buffers):
        return total, False  # what has parts may lie in another's hole: no longer above it or below
    search = _Search(buffers, total, bound)
    finished = search.extend([], frozenset(range(len(buffers))), 0)
    for buffer, offset in zip(buffers, search.offsets, strict=True):
        buffer.offset = offset
    return search.best, finished or search.best <= bound


class _Search:
    """The best plan so far, and what is known of the buffers."""

    def __init__(self, buffers: Sequence[Buffer], total: int, bound: int) -> None:
        self.buffers = buffers
        self.best, self.bound = total, bound
        self.offsets = [b.offset for b in buffers]
        self.nodes = 0
        count = range(len(buffers))
        self.gaps = [
            [buffers[a].gap(buffers[b]) if buffers[a].meets(buffers[b]) and a != b else -1 for b in count]
            for a in count
        ]
        steps = sorted({b.first for b in buffers})
        self.alive = [[i for i in count if buffers[i].first <= s <= buffers[i].last] for s in steps]

    def extend(self, placed: list[tuple[int, int]], left: frozenset[int], floor: int) -> bool:
        """Tries every next buffer at `floor` or above; False when the search gave up."""
        if not left:
            self.best = max(o + self.buffers[i].bytes for i, o in placed)
            for i, offset in placed:
                self.offsets[i] = offset
            return True
        self.nodes += 1
        if self.nodes > NODES:
            return False
        places = {b: max((o + g for i, o in placed if (g := self.gaps[i][b]) >= 0), default=0) for b in left}
        if self._least(left, places, floor) >= self.best:
            return True
        for b in sorted(left, key=lambda b: (places[b], -self.buffers[b].bytes, b)):
            offset = places[b]
            if offset < floor or offset + self.buffers[b].bytes >= self.best:
                continue
            if placed and offset == placed[-1][1] and b < placed[-1][0] and self.gaps[b][placed[-1][0]] < 0:
                continue  # the two do not meet: their order does not matter
            if not self.extend([*placed, (b, offset)], left - {b}, offset):
                return False
            if self.best <= self.bound:
                return True
        return True

    def _least(self, left: frozenset[int], places: dict[int, int], floor: int) -> int:
        """No completion is smaller: at every step, what is left lies above the lowest place that any of it can have."""
        least = 0
        for alive in self.alive:
            coming = [i for i in alive if i in left]
            if coming:
                start = max(floor, min(places[i] for i in coming))
                least = max(least, start + together([self.buffers[i] for i in coming]))
        return least
