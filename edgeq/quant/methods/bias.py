"""Bias correction: biases take back what rounded weights add to the mean output of a channel."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from edgeq.quant.methods.base import Method, Stage
from edgeq.quant.schemes import WeightScheme
from edgeq.quant.work import Work, weighted


class BiasCorrection(Method):
    """Layers of eight bits keep their bias: there is nothing to correct that a bias could hold."""

    name = "bias"
    summary = "bias correction: biases take back the mean error of rounded weights"
    stage = Stage.ROUND
    order = -1  # learning starts from it
    source: ClassVar[str] = "Nagel et al., Data-Free Quantization, 2019"

    def apply(self, work: Work) -> str:
        corrected = 0
        for node in weighted(work.real):
            if work.scheme(node) == WeightScheme():
                continue
            layer = work.layers[node.name]
            work.layers[node.name] = replace(layer, bias=work.mean_bias(node, layer.weights))
            corrected += 1
        return f"{corrected} layers"
