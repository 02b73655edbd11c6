"""Cross-layer equalization: the weights on both sides of a channel get equal ranges."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.ir.graph import Graph
from edgeq.ops.registry import operator
from edgeq.quant.methods.base import Method, Stage, counted
from edgeq.quant.pairs import SMALLEST, scalable_pairs
from edgeq.quant.weights import weight_rows
from edgeq.quant.work import Work

ROUNDS = 20
"""At most; each pair disturbs its neighbours."""
ENOUGH = 1e-3
"""Largest change of a factor at which the pairs agree."""


class Equalization(Method):
    """Rows of weights have scales of their own, so what there is to gain lies in the rows that read the channel."""

    name = "equalize"
    summary = "weights that make a channel and weights that read it get equal ranges"
    stage = Stage.REWRITE
    source: ClassVar[str] = "Nagel et al., Data-Free Quantization, 2019"

    def apply(self, work: Work) -> str:
        work.real, changed = equalized(work.real)
        work.restart()
        return f"{counted(changed, 'pair')} of layers"


def equalized(real: Graph) -> tuple[Graph, int]:
    """(the same function of a real graph with pairs of layers made alike, how many pairs)."""
    graph = real.copy()
    changed = 0
    for _ in range(ROUNDS):
        furthest = 0.0
        pairs = list(scalable_pairs(graph))
        changed = len(pairs)
        for pair in pairs:
            axis = operator(pair.first.op).weight_axis
            made = np.abs(weight_rows(pair.first.input(1), axis, pair.first.name)).max(axis=1)
            read = pair.read_magnitudes()
            there = (made > SMALLEST) & (read > SMALLEST)
            factors = np.where(there, np.sqrt(np.where(there, read, 1.0) / np.where(there, made, 1.0)), 1.0)
            if pair.rescale(graph, factors):
                furthest = max(furthest, float(np.abs(np.log(factors)).max()))
        if furthest < ENOUGH:
            break
    return graph, changed
