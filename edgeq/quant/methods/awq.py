"""Activation-aware scaling: weights that large activations meet are rounded more finely."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.ir.types import Array
from edgeq.quant.input_scales import choose_input_scales
from edgeq.quant.methods.base import Method, Stage
from edgeq.quant.pairs import SMALLEST, Pair
from edgeq.quant.work import Work

STEPS = 10
"""Strengths that are tried, from 1 / STEPS to 1."""


class ActivationAware(Method):
    """Channels are divided by a power of their mean magnitude; which power, the output's error says."""

    name = "awq"
    summary = "weights that strong channels meet are rounded more finely"
    stage = Stage.REWRITE
    order = 3
    source: ClassVar[str] = "Lin et al., AWQ, 2023"

    def apply(self, work: Work) -> str:
        return choose_input_scales(work, _candidates)


def _candidates(pair: Pair, x: Array) -> list[Array]:
    strength = np.abs(x).reshape(-1, pair.repeats, pair.channels).mean(axis=(0, 1))
    if not (strength > SMALLEST).any():
        return []
    strength = np.maximum(strength, strength.max() * 1e-3)
    relative = strength / np.exp(np.log(strength).mean())
    return [relative ** -(k / STEPS) for k in range(1, STEPS + 1)]
