"""Packing of buffers with lifetimes into one arena (dynamic storage allocation).

The lower bound is the largest sum of sizes alive at one step; no plan can be smaller. The heuristic is first-fit over
several orders, then a seeded search over permutations that stops as soon as the bound is met.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

SEARCH_ROUNDS = 2000


@dataclass
class Buffer:
    """Bytes that live from step `first` to step `last`, both included."""

    name: str
    bytes: int
    first: int
    last: int
    alignment: int = 4
    offset: int = -1

    def meets(self, other: Buffer) -> bool:
        """Whether both live at one step."""
        return self.first <= other.last and other.first <= self.last


def _aligned(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


def lower_bound(buffers: Sequence[Buffer]) -> tuple[int, int]:
    """(bytes, step): the most that is alive at once, aligned sizes, and where."""
    steps = sorted({b.first for b in buffers})
    loads = [(sum(b.bytes for b in buffers if b.first <= s <= b.last), s) for s in steps]
    return max(loads, key=lambda load: (load[0], -load[1]), default=(0, 0))


def _first_fit(order: Sequence[Buffer]) -> tuple[int, list[int]]:
    """Total bytes and offsets when every buffer goes into the lowest gap left by those before it."""
    offsets: list[int] = []
    total = 0
    for index, buffer in enumerate(order):
        taken = sorted((offsets[i], offsets[i] + o.bytes) for i, o in enumerate(order[:index]) if o.meets(buffer))
        offset = 0
        for start, end in taken:
            if offset + buffer.bytes <= start:
                break
            offset = max(offset, _aligned(end, buffer.alignment))
        offsets.append(offset)
        total = max(total, offset + buffer.bytes)
    return total, offsets


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
    ]
    best_order = min(orders, key=lambda order: _first_fit(order)[0])
    best, offsets = _first_fit(best_order)
    generator = random.Random(0)  # the same plan on every run
    for _ in range(SEARCH_ROUNDS if len(buffers) > 2 else 0):
        if best <= bound:
            break
        order = list(best_order)
        i, j = generator.sample(range(len(order)), 2)
        order[i], order[j] = order[j], order[i]
        total, candidate = _first_fit(order)
        if total <= best:
            best, offsets, best_order = total, candidate, order
    for buffer, offset in zip(best_order, offsets, strict=True):
        buffer.offset = offset
    return best
