"""Bias correction: biases take back what rounded weights add to the mean output of a channel."""

from __future__ import annotations

from typing import ClassVar

from edgeq.quant.methods.base import Method, Stage, counted
from edgeq.quant.schemes import WeightScheme
from edgeq.quant.work import Work, weighted


class BiasCorrection(Method):
    """Layers of eight bits keep their bias: there is nothing to correct that a bias could hold."""

    name = "bias"
    summary = "biases take back the mean error of rounded weights"
    stage = Stage.REWRITE
    below_eight_bits = True
    order = -1  # what other methods bring shows once the mean is right
    source: ClassVar[str] = "Nagel et al., Data-Free Quantization, 2019"

    def apply(self, work: Work) -> str:
        work.correct = True
        work.restart()
        return counted(sum(work.scheme(node) != WeightScheme() for node in weighted(work.real)), "layer")
