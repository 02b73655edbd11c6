"""Learned rounding over overlapping blocks of layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np

from edgeq.ir.graph import Graph, Node
from edgeq.ir.types import Array
from edgeq.ops.execute import run_integer, run_real
from edgeq.ops.registry import operator
from edgeq.passes.pipeline import to_integer
from edgeq.quant.learned import activation_grids, rebuilt, trained_layer
from edgeq.quant.methods.base import Method, Stage, counted
from edgeq.quant.walk import LIMIT
from edgeq.quant.work import Work

LAYERS = 3
"""With weights, in a block; the next block starts one layer later."""
SHARE = 4
"""One block takes a fourth of the batches that methods over the whole network take."""


class Blocks(Method):
    """Each block on the inputs that the rounded network has there, against the float network's outputs of the block."""

    name = "blocks"
    summary = "overlapping blocks of layers learn weights, scales, biases, by their outputs"
    stage = Stage.ROUND
    below_eight_bits = True
    order = 2
    source: ClassVar[str] = "Hubara et al., AdaQuant, 2020; Ding et al., CBQ, 2023"
    learns = True

    def apply(self, work: Work) -> str:
        from edgeq.nn.reconstruct import reconstruct

        samples = {name: x[:LIMIT].astype(np.float64) for name, x in work.samples.items()}
        grids, shared = activation_grids(work)
        windows = list(blocks(work.real))
        for index, nodes in enumerate(windows):
            reads, makes = border(work.real, nodes)
            real = real_values(work, samples, makes)
            types = work.activation_types()
            layers = [trained_layer(work, n, types) for n in nodes if operator(n.op).accumulates]
            inputs = rounded_values(work, samples, reads)
            steps = max(1, work.steps // SHARE)
            learned = reconstruct(nodes, layers, grids, shared, inputs, real, steps, work.seed)
            for name, (integers, scales, bias) in learned.items():
                work.layers[name] = rebuilt(work.layers[name], integers, scales, bias)
            work.progress(self.name, index + 1, len(windows))
        return f"{counted(len(windows), 'block')} of {LAYERS} layers, seed {work.seed}"


def blocks(graph: Graph) -> Iterator[list[Node]]:
    """Runs of nodes with LAYERS weighted layers each, and what follows the last of them up to the next."""
    starts = [i for i, node in enumerate(graph.nodes) if operator(node.op).accumulates]
    ends = [*starts[1:], _last(graph)]
    for first in range(max(1, len(starts) - LAYERS + 1)):
        yield graph.nodes[starts[first] : ends[min(first + LAYERS, len(starts)) - 1]]


def _last(graph: Graph) -> int:
    """Where the softmax or argmax at the end begins: class scores are compared before it."""
    for index in range(len(graph.nodes), 0, -1):
        if graph.nodes[index - 1].op not in ("softmax", "argmax"):
            return index
    return 0


def border(graph: Graph, nodes: Sequence[Node]) -> tuple[set[str], set[str]]:
    """(values that the nodes read from before them, values that they make for others)."""
    inside = {id(node) for node in nodes}
    made = {v.name for node in nodes for v in node.outputs}
    reads = {v.name for node in nodes for v in node.inputs if v is not None and not v.is_constant} - made
    outer = {v.name for n in graph.nodes if id(n) not in inside for v in n.inputs if v is not None}
    return reads, made & (outer | {v.name for v in graph.outputs})


def real_values(work: Work, samples: dict[str, Array], names: set[str]) -> dict[str, Array]:
    """Values of the float network, by name."""
    found: dict[str, Array] = {}
    run_real(work.real, samples, lambda v, x: found.update({v.name: x}) if v.name in names else None)
    return found


def rounded_values(work: Work, samples: dict[str, Array], names: set[str]) -> dict[str, Array]:
    """Real values of the integer graph, by name."""
    graph = work.quantized()
    to_integer(graph)
    found: dict[str, Array] = {}
    given = {v.name: v.integers(samples[v.name]) for v in graph.inputs}
    run_integer(
        graph, given, lambda v, x: found.update({v.name: v.quantization.dequantize(x)}) if v.name in names else None
    )
    return found
