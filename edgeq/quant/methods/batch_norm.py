"""Batch norm's statistics anew: each channel of the rounded network gets the mean and deviation of the float one's."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.quant.methods.base import Method, Stage, counted
from edgeq.quant.quantize import Layer
from edgeq.quant.walk import Step, walk
from edgeq.quant.work import Work, tensor_scale, with_integers

LEAST, MOST = 0.5, 2.0
"""By which a channel's scale may change."""


class BatchNormStatistics(Method):
    """The norm is folded into scale and bias of the layer, and there its new statistics go too."""

    name = "batch-norm"
    summary = "batch norm anew: each channel gets the float network's mean and deviation"
    stage = Stage.CORRECT
    order = 1  # what other corrections have changed is seen too
    below_eight_bits = True
    source: ClassVar[str] = "Sun et al., Hybrid 8-bit Floating Point Training and Inference, 2019"

    def apply(self, work: Work) -> str:
        types = work.activation_types()

        def choose(step: Step) -> Layer:
            layer = work.layers[step.node.name]
            axes = tuple(range(step.real_sums.ndim - 1))
            ours = step.sums(layer)
            wide, wanted = ours.std(axis=axes), step.real_sums.std(axis=axes)
            if work.scheme(step.node).per_tensor:
                wanted, wide = (np.full_like(x, np.sqrt(np.square(x).sum())) for x in (wanted, wide))
            factor = np.clip(np.where(wide > 0, wanted / np.where(wide > 0, wide, 1.0), 1.0), LEAST, MOST)
            floor = work.floor(step.node, tensor_scale(types[step.node.input(0).name]))
            old = layer.weights.levels.scale
            scales = np.maximum(old * factor, floor)
            if work.scheme(step.node).per_tensor:
                scales = np.full_like(scales, scales.max())
            weights = with_integers(layer.weights, layer.weights.integers, scales)
            bias = np.zeros(len(old)) if layer.bias is None else layer.bias
            moved = Layer(weights, bias)
            return Layer(weights, bias + step.real_sums.mean(axis=axes) - step.sums(moved).mean(axis=axes))

        walk(work, choose)
        return counted(len(work.layers), "layer")
