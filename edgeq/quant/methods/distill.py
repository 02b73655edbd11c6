"""Distillation of the float network into the rounded one, on the calibration samples without labels."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from edgeq.quant.learned import activation_grids, rebuilt, trained_layers
from edgeq.quant.methods.base import Method, Stage
from edgeq.quant.work import Work


class Distillation(Method):
    """The whole network at once: weights, scales, biases, and the scales of activations."""

    name = "distill"
    summary = "the whole rounded network learns the float network's outputs"
    stage = Stage.ROUND
    below_eight_bits = True
    order = 9
    source: ClassVar[str] = "Hinton et al., 2015; Esser et al., Learned Step Size Quantization, 2020"
    learns = True

    def apply(self, work: Work) -> str:
        from edgeq.nn.distill import distill

        grids, shared = activation_grids(work)
        layers = trained_layers(work)
        result = distill(
            work.real,
            layers,
            grids,
            shared,
            work.samples,
            work.steps,
            work.seed,
            lambda done, total: work.progress(self.name, done, total),
        )
        for name, (integers, scales, bias) in result.layers.items():
            work.layers[name] = rebuilt(work.layers[name], integers, scales, bias)
        for name, scale in result.activations.items():
            grid = grids[name]
            low, high = ((end - grid.zero_point) * scale for end in (grid.low, grid.high))
            if grid.has_zero:
                work.ranges[name] = replace(work.ranges[name], low=low, high=high)
            else:
                work.ranges[name] = replace(work.ranges[name], low=-2 * scale, high=2 * scale)
        return f"{work.steps} batches, seed {work.seed}"
