"""Scales per input channel or per output channel, whichever rounds a layer better."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.ir.types import Array
from edgeq.quant.input_scales import choose_input_scales
from edgeq.quant.methods.base import Method, Stage
from edgeq.quant.pairs import SMALLEST, Pair
from edgeq.quant.work import Work


class AdaptiveDimension(Method):
    """No kernel has a scale per input channel; the layer before takes it, as part of its own output scales."""

    name = "adadim"
    summary = "scales per input channel where they round better, folded into the layer before"
    stage = Stage.REWRITE
    order = 4
    source: ClassVar[str] = "Heo et al., Rethinking Channel Dimensions (AdaDim), 2023"

    def apply(self, work: Work) -> str:
        return choose_input_scales(work, _candidates)


def _candidates(pair: Pair, x: Array) -> list[Array]:
    """Columns of equal magnitude, and the way halfway there."""
    read = pair.read_magnitudes()
    if not (read > SMALLEST).any():
        return []
    read = np.maximum(read, read.max() * 1e-3)
    relative = read / np.exp(np.log(read).mean())
    return [relative, np.sqrt(relative)]
