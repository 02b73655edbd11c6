"""Packing of buffers with lifetimes into one arena (dynamic storage allocation).

Two buffers that live at one step lie apart, or overlap as far as `Buffer.shares` allows. A buffer whose parts live at
different steps lends the room of those that do not live. The lower bound is the largest sum of what is alive at one
step; no plan can be smaller. The heuristic is first-fit over several orders, then a seeded search over permutations
that stops as soon as the bound is met; `edgeq.plan.exact` proves small cases.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product

SEARCH_ROUNDS = 2000


@dataclass(eq=False)
class Buffer:
    """Bytes that live from step `first` to step `last`, both included.

    shares: buffers that this one may reach into from below, and how many bytes before them it must then start; the
    number may be negative between parts. parts: (start, buffer) where bytes live at different steps, such as the rows
    of an image of which the first are read before the last; their offsets follow from the whole's.
    """

    name: str
    bytes: int
    first: int
    last: int
    alignment: int = 4
    offset: int = -1
    shares: dict[Buffer, int] = field(default_factory=dict)
    parts: list[tuple[int, Buffer]] = field(default_factory=list)

    def pieces(self) -> list[tuple[int, Buffer]]:
        """(start, part) of all parts, or the buffer itself where all of it lives as long."""
        return self.parts or [(0, self)]

    def meets(self, other: Buffer) -> bool:
        """Whether both live at one step, in any of their parts."""
        if self.first > other.last or other.first > self.last:
            return False
        pairs = product(self.pieces(), other.pieces())
        return any(a.first <= b.last and b.first <= a.last for (_, a), (_, b) in pairs)

    def gap(self, above: Buffer) -> int:
        """How far above this one's start another that it meets may start; negative where only its end is in the way."""
        return max(
            start + min(a.shares.get(b, a.bytes), a.bytes) - lead
            for (start, a), (lead, b) in product(self.pieces(), above.pieces())
            if a.first <= b.last and b.first <= a.last
        )


def _aligned(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


def alive_at(buffers: Iterable[Buffer], step: int) -> list[Buffer]:
    """The parts that live at a step; whole buffers where they have none."""
    return [p for b in buffers if b.first <= step <= b.last for _, p in b.pieces() if p.first <= step <= p.last]


def together(alive: Sequence[Buffer]) -> int:
    """Bytes that buffers without parts, alive at one step, take at least. Outputs spare what they share with inputs."""
    present = set(alive)
    spared = [
        min(a.bytes, sum(max(0, min(b.bytes, a.bytes - max(0, a.gap(b)))) for b in a.shares if b in present))
        for a in alive
        if a.shares
    ]
    return sum(b.bytes for b in alive) - sum(spared)


def lower_bound(buffers: Sequence[Buffer]) -> tuple[int, int]:
    """(bytes, step): the most that is alive at once, aligned sizes, and where."""
    steps = sorted({p.first for b in buffers for _, p in b.pieces()})
    loads = [(together(alive_at(buffers, s)), s) for s in steps]
    return max(loads, key=lambda load: (load[0], -load[1]), default=(0, 0))


Gaps = Mapping[Buffer, Mapping[Buffer, int]]


def all_gaps(buffers: Sequence[Buffer]) -> dict[Buffer, dict[Buffer, int]]:
    """`Buffer.gap` of every buffer to every other that it meets, in whole words."""
    gaps: dict[Buffer, dict[Buffer, int]] = {b: {} for b in buffers}
    for a, b in combinations(buffers, 2):
        if a.meets(b):
            gaps[a][b] = _aligned(a.gap(b), b.alignment)
            gaps[b][a] = _aligned(b.gap(a), a.alignment)
    return gaps


def _lowest(buffer: Buffer, placed: Mapping[Buffer, int], gaps: Gaps) -> int:
    """The lowest offset that leaves room for the buffers `placed` at their offsets."""
    # Offsets strictly between the two are taken.
    above = gaps[buffer]
    taken = sorted((placed[p] - gap, placed[p] + gaps[p][buffer]) for p, gap in above.items() if p in placed)
    offset = 0
    for low, high in taken:
        if offset <= low:
            break
        offset = max(offset, _aligned(high, buffer.alignment))
    return offset


def first_fit(order: Sequence[Buffer], gaps: Gaps | None = None) -> tuple[int, list[int]]:
    """Total bytes and offsets when every buffer goes into the lowest gap left by those before it."""
    known = all_gaps(order) if gaps is None else gaps
    placed: dict[Buffer, int] = {}
    for buffer in order:
        placed[buffer] = _lowest(buffer, placed, known)
    return max((o + b.bytes for b, o in placed.items()), default=0), list(placed.values())


def pack(buffers: Sequence[Buffer], rounds: int = SEARCH_ROUNDS) -> int:
    """Sets every buffer's offset; returns the arena's bytes. rounds: of the search over permutations."""
    if not buffers:
        return 0
    bound, _ = lower_bound(buffers)
    gaps = all_gaps(buffers)
    orders = [
        sorted(buffers, key=lambda b: (-b.bytes, b.first, b.name)),
        sorted(buffers, key=lambda b: (-(b.last - b.first + 1) * b.bytes, b.first, b.name)),
        sorted(buffers, key=lambda b: (b.first, -b.bytes, b.name)),
        sorted(buffers, key=lambda b: (-b.last, -b.bytes, b.name)),
        sorted(buffers, key=lambda b: (-b.first, -b.bytes, b.name)),  # outputs below the inputs that they share with
    ]
    if any(b.parts for b in buffers):
        orders += [sorted(order, key=_side) for order in orders]
    best_order = min(orders, key=lambda order: first_fit(order, gaps)[0])
    best, offsets = first_fit(best_order, gaps)
    generator = random.Random(0)  # the same plan on every run
    for _ in range(rounds if len(buffers) > 2 else 0):
        if best <= bound:
            break
        order = list(best_order)
        i, j = generator.sample(range(len(order)), 2)
        order[i], order[j] = order[j], order[i]
        total, candidate = first_fit(order, gaps)
        if total <= best:
            best, offsets, best_order = total, candidate, order
    for buffer, offset in zip(best_order, offsets, strict=True):
        buffer.offset = offset
    return best


def _side(buffer: Buffer) -> int:
    """What grows from its start first, at the bottom; then what lives as a whole; then what shrinks from its start."""
    if not buffer.parts:
        return 0
    first, last = buffer.parts[0][1], buffer.parts[-1][1]
    return -1 if last.first > first.first else int(first.last < last.last)
