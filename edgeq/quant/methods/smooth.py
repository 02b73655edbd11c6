"""Smoothing: wide channels of activations become narrower, and the weights that read them wider."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.quant.methods.base import Method, Stage, counted
from edgeq.quant.pairs import SMALLEST, scalable_pairs
from edgeq.quant.work import Work

STRENGTH = 0.5
"""0 leaves activations as they are, 1 makes all channels equally wide."""


class Smoothing(Method):
    """Moves the spread of a tensor's channels from activations, which have one scale, into weights."""

    name = "smooth"
    summary = "channels of activations become alike, weights take the difference"
    stage = Stage.REWRITE
    order = 1
    source: ClassVar[str] = "Xiao et al., SmoothQuant, 2022"

    def apply(self, work: Work) -> str:
        graph = work.real.copy()
        changed = 0
        for pair in scalable_pairs(graph):
            seen = work.ranges[pair.first.output.name]
            wide = np.maximum(seen.channel_high, -seen.channel_low)
            read = pair.read_magnitudes()
            there = (wide > SMALLEST) & (read > SMALLEST)
            ratio = np.where(there, read, 1.0) ** (1 - STRENGTH) / np.where(there, wide, 1.0) ** STRENGTH
            factors = np.where(there, ratio / np.exp(np.log(ratio[there]).mean()) if there.any() else 1.0, 1.0)
            changed += pair.rescale(graph, factors)
        work.real = graph
        work.restart()
        return f"{counted(changed, 'pair')} of layers"
