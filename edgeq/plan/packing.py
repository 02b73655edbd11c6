"""Packing of buffers with lifetimes into one arena (dynamic storage allocation).

Two buffers that live at one step lie apart, or overlap as far as `Buffer.shares` allows. The lower bound is the largest
sum of what is alive at one step; no plan can be smaller. The heuristic is first-fit over several orders, then a seeded
search over permutations that stops as soon as the bound is met; `edgeq.plan.exact` proves small cases.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

SEARCH_ROUNDS = 2000


@dataclass(eq=False)
class Buffer:
    """Bytes that live from step `first` to step `last`, both included.

    shares: buffers that this one may reach into from below, and how many bytes before them it must then start.
    """

    name: str
    bytes: int
    first: int
    last: int
    alignment: int = 4
    offset: int = -1
    shares: dict[Buffer, int] = field(default_factory=dict)

    def meets(self, other: Buffer) -> bool:
        """Whether both live at one step."""
        return self.first <= other.last and other.first <= self.last

    def gap(self, above: Buffer) -> int:
        """How far above this one's start another that lives at the same time may start."""
        return min(self.shares.get(above, self.bytes), self.bytes)


def _aligned(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


def together(alive: Sequence[Buffer]) -> int:
    """Bytes that buffers alive at one step take at least; at most two of them share."""
    total = sum(b.bytes for b in alive)
    spared = [a.bytes + b.bytes - max(a.bytes, a.gap(b) + b.bytes) for a in alive for b in a.shares if b in alive]
    return total - max(spared, default=0)


def lower_bound(buffers: Sequence[Buffer]) -> tuple[int, int]:
    """(bytes, step): the most that is alive at once, aligned sizes, and where."""
    steps = sorted({b.first for b in buffers})
    loads = [(together([b for b in buffers if b.first <= s <= b.last]), s) for s in steps]
    return max(loads, key=lambda load: (load[0], -load[1]), default=(0, 0))


def lowest(buffer: Buffer, placed: Sequence[tuple[Buffer, int]]) -> int:
    """The lowest offset that leaves room for the buffers `placed` at their offsets."""
    # Offsets strictly between the two are taken.
    taken = sorted((o - buffer.gap(p), o + p.gap(buffer)) for p, o in placed if p.meets(buffer))
    offset = 0
    for low, high in taken:
        if offset <= low:
            break
        offset = max(offset, _aligned(high, buffer.alignment))
    return offset


def first_fit(order: Sequence[Buffer]) -> tuple[int, list[int]]:
    """Total bytes and offsets when every buffer goes into the lowest gap left by those before it."""
    placed: list[tuple[Buffer, int]] = []
    for buffer in order:
        placed.append((buffer, lowest(buffer, placed)))
    return max((o + b.bytes for b, o in placed), default=0), [o for _, o in placed]


def pack(buffers: Sequence[Buffer]) -> int:
    """Sets every buffer's offset; returns the arena's bytes."""
    if not buffers:
        return 0
    bound, _ = lower_bound(buffers)
    orders = [
        sorted(buffers, key=lambda b: (-b.bytes, b.first, b.name)),
        sorted(buffers, key=lambda b: (-(b.last - b.first + 1) * b.bytes, b.first, b.name)),
        sorted(buffers, key=lambda b: (b.first, -b.bytes, b.name)),
        sorted(buffers, key=lambda b: (-b.last, -b.bytes, b.name)),
        sorted(buffers, key=lambda b: (-b.first, -b.bytes, b.name)),  # outputs below the inputs that they share with
    ]
    best_order = min(orders, key=lambda order: first_fit(order)[0])
    best, offsets = first_fit(best_order)
    generator = random.Random(0)  # the same plan on every run
    for _ in range(SEARCH_ROUNDS if len(buffers) > 2 else 0):
        if best <= bound:
            break
        order = list(best_order)
        i, j = generator.sample(range(len(order)), 2)
        order[i], order[j] = order[j], order[i]
        total, candidate = first_fit(order)
        if total <= best:
            best, offsets, best_order = total, candidate, order
    for buffer, offset in zip(best_order, offsets, strict=True):
        buffer.offset = offset
    return best
