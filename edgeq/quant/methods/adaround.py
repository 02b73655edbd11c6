"""AdaRound: whether each weight goes to the level below or above is learned, layer by layer."""

from __future__ import annotations

from typing import ClassVar

from edgeq.quant.learned import trained_layer
from edgeq.quant.methods.base import Method, Stage, counted
from edgeq.quant.quantize import Layer
from edgeq.quant.schemes import WeightScheme
from edgeq.quant.walk import Step, walk
from edgeq.quant.work import Work, weighted, with_integers

SHARE = 3
"""One layer takes a third of the batches that methods over the whole network take."""


class AdaptiveRounding(Method):
    """Against the layer's real sums, on the inputs that the rounded network has there."""

    name = "adaround"
    summary = "each weight learns to go up or down, by the layer's output"
    stage = Stage.ROUND
    below_eight_bits = True
    order = 1
    source: ClassVar[str] = "Nagel et al., Up or Down?, 2020"
    learns = True

    def apply(self, work: Work) -> str:
        from edgeq.nn.reconstruct import learn_rounding

        nodes = [n for n in weighted(work.real) if work.scheme(n) != WeightScheme()]
        names = {node.name: index for index, node in enumerate(nodes)}
        types = work.activation_types()

        def choose(step: Step) -> Layer:
            layer = work.layers[step.node.name]
            if step.node.name not in names:
                return layer
            given = trained_layer(work, step.node, types)
            steps = max(1, work.steps // SHARE)
            start = layer.weights.integers
            integers = learn_rounding(given, start, step.input, step.real_sums, steps, work.seed)
            work.progress(self.name, names[step.node.name] + 1, len(nodes))
            weights = with_integers(layer.weights, integers)
            bias = work.mean_bias(step.node, weights) if work.correct else layer.bias
            return Layer(weights, bias)

        walk(work, choose)
        return f"{counted(len(nodes), 'layer')}, seed {work.seed}"
