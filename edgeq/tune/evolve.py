"""Evolution of a plan: random changes of it, kept when the true integer graph loses less by them.

The integer program believes that losses of layers add up; what it misses, this finds (EvoPress, 2024: a level of one
part goes up and another goes down, so that children stay within the budget).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edgeq.tune.losses import Chosen
from edgeq.tune.options import Options

CHILDREN = 16
"""Of each generation, as far as different ones are found."""
TRIALS = 40
"""Changes tried for each child until one fits the budget."""
CHANGES = 3
"""The most layers that differ between a plan and its child."""


def refine(
    start: Chosen,
    options: Options,
    fits: Callable[[Chosen], bool],
    losses: Callable[[Sequence[Chosen]], list[float]],
    generations: int,
    seed: int,
) -> Chosen:
    """The best plan found, never worse than `start`. losses: the true ones of several plans at once."""
    rng = np.random.default_rng(seed)
    best, least = start, losses([start])[0]
    seen = [start]
    for _ in range(generations):
        children = []
        for _ in range(CHILDREN):
            child = _child(best, options, fits, rng, seen)
            if child is not None:
                seen.append(child)
                children.append(child)
        if not children:
            break
        found = losses(children)
        index = int(np.argmin(found))
        if found[index] < least:
            best, least = children[index], found[index]
    return best


def _child(
    parent: Chosen, options: Options, fits: Callable[[Chosen], bool], rng: np.random.Generator, seen: Sequence[Chosen]
) -> Chosen | None:
    """A plan that differs in up to `CHANGES` layers, fits, and is new; None when no trial gives one."""
    names = list(options)
    for _ in range(TRIALS):
        changed = rng.choice(len(names), size=min(int(rng.integers(1, CHANGES + 1)), len(names)), replace=False)
        child = dict(parent)
        for index in sorted(changed):
            legal = options[names[index]]
            child[names[index]] = legal[int(rng.integers(len(legal)))]
        if child not in seen and fits(child):
            return child
    return None
