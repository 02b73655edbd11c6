"""Scales of a layer's input channels, folded into the layer before it, chosen by the error of the layer's output."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgeq.ir.graph import Graph, Node
from edgeq.ir.types import Array
from edgeq.ops.execute import run_real
from edgeq.ops.registry import operator
from edgeq.quant.pairs import Pair, scalable_pairs
from edgeq.quant.schemes import WeightScheme
from edgeq.quant.weights import round_rows
from edgeq.quant.work import Work

TRIED_ON = 16
"""Samples by which candidates are compared."""

Candidates = Callable[[Pair, Array], list[Array]]
"""(the pair, the second layer's real input) -> factors by which the input's channels may be multiplied."""


def choose_input_scales(work: Work, candidates: Candidates) -> str:
    """Per pair the candidate with the least squared error of the second layer's output, or none; says how many."""
    graph = work.real.copy()
    pairs = [p for p in scalable_pairs(graph) if p.second.op != "depthwise_conv2d"]
    pairs = [p for p in pairs if work.scheme(p.second) != WeightScheme()]
    inputs = captured(graph, {p.second.input(0).name for p in pairs}, work.samples)
    changed = 0
    for pair in pairs:
        x = inputs[pair.second.input(0).name]
        tried = [np.ones(pair.channels), *candidates(pair, x)]
        errors = [_error(work, pair, x, np.tile(factors, pair.repeats)) for factors in tried]
        best = int(np.argmin(errors))
        if best:
            changed += pair.rescale(graph, tried[best])
    work.real = graph
    work.restart()
    return f"{changed} of {len(pairs)} layers"


def captured(graph: Graph, names: set[str], samples: dict[str, Array]) -> dict[str, Array]:
    """Real values by name, of the first TRIED_ON samples."""
    found: dict[str, Array] = {}
    first = {name: array[:TRIED_ON].astype(np.float64) for name, array in samples.items()}
    run_real(graph, first, lambda v, x: found.update({v.name: x}) if v.name in names else None)
    return found


def _error(work: Work, pair: Pair, x: Array, factors: Array) -> float:
    """Of the second layer's sums, with its weights divided by the factors, rounded, and multiplied again."""
    node = pair.second
    axis = operator(node.op).weight_axis
    w = node.input(1).constant.astype(np.float64)
    shrunk = np.moveaxis(w / factors, axis, 0)
    rounded = round_rows(shrunk.reshape(len(shrunk), -1), work.scheme(node))
    error = np.moveaxis(rounded.reals.reshape(shrunk.shape), 0, axis) * factors - w
    (noise,) = operator(node.op).compute(unclamped(node), [x, error])
    return float(np.square(noise).sum())


def unclamped(node: Node) -> Node:
    """The same layer without its clamp and bias."""
    return Node(node.op, node.name, node.inputs, node.outputs, {**node.attrs, "clamp_min": None, "clamp_max": None})
