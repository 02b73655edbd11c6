"""LoRC: what rounding took from a layer's weights comes back as two thin int8 layers beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from edgeq.ir.graph import Graph, Node
from edgeq.ir.types import Array
from edgeq.passes.rewrite import new_constant, new_node
from edgeq.quant.methods.base import Method, Stage, counted
from edgeq.quant.methods.gptq import input_products
from edgeq.quant.plan import PLAIN, LayerPlan
from edgeq.quant.quantize import Layer, round_layer
from edgeq.quant.schemes import WeightScheme
from edgeq.quant.walk import Step, layer_sums, walk
from edgeq.quant.work import Work, weighted

RANK_SHARE = 16
"""The rank of a correction is the smaller side of the weights over this, at least 1."""
DAMPING = 0.01
"""Of the mean square of the inputs, added to each."""
LARGEST = 8
"""Only weights between -8 and 7, or fewer levels, lose enough to be worth it."""


class LowRankCorrection(Method):
    """y = W x becomes Q x + U (V x), U V of low rank as near to W - Q as the output can tell, U and V of eight bits.

    Dense layers and convolutions without groups. The clamp moves behind the sum.
    """

    name = "lorc"
    summary = "two thin int8 layers beside one of few bits give back what rounding took"
    stage = Stage.CORRECT
    order = 0
    source: ClassVar[str] = "Yao et al., ZeroQuant-V2, 2023"

    def applies(self, work: Work) -> bool:
        return any(_worth(work, node) for node in weighted(work.real))

    def apply(self, work: Work) -> str:
        graph = work.real.copy()
        nodes = [node for node in weighted(graph) if _worth(work, node)]
        found = _corrections(work, nodes)
        layers, plans = dict(work.layers), dict(work.plan.layers)
        thin: list[Node] = []
        for node in nodes:
            before = work.plan.layer(node.name)
            if work.correct:
                layers[node.name] = _mean_without(work, node, layers[node.name], *found[node.name])
            down, up, total = _insert(graph, node, layers[node.name], *found[node.name])
            thin += [down, up]
            plans[node.name] = replace(before, activations=PLAIN)
            plans[total.name] = LayerPlan(activations=before.activations)
        work.real = graph
        work.plan = replace(work.plan, layers=plans)
        work.ranges = {**work.observe(graph), **work.ranges}
        work.layers = layers
        for node in thin:
            layers[node.name] = round_layer(node, WeightScheme(), 1.0, work.ranges, correct=False)
        rank = sum(node.output.shape[-1] for node in thin[::2])
        return f"{counted(len(nodes), 'layer')}, rank {rank} in all"


def _worth(work: Work, node: Node) -> bool:
    scheme = work.scheme(node)
    shape = node.input(1).shape
    if node.op not in ("conv2d", "dense") or node.attrs.get("groups", 1) != 1 or scheme.low < -LARGEST:
        return False
    return bool(min(shape[0], work.rows(node).shape[1]) >= RANK_SHARE)


def low_rank(error: Array, products: Array) -> tuple[Array, Array]:
    """U [rows, rank] and V [rank, columns] whose product is nearest to the error in the layer's output.

    products: X^T X of the inputs, [columns, columns] = L L^T; so U V L is the best approximation of error L.
    """
    rank = max(1, min(error.shape) // RANK_SHARE)
    size = max(float(np.diag(products).mean()), 1e-30)
    lower = np.linalg.cholesky(products + DAMPING * size * np.eye(len(products)))
    left, values, right = np.linalg.svd(error @ lower, full_matrices=False)
    root = np.sqrt(values[:rank])
    return left[:, :rank] * root, np.linalg.solve(lower.T, (root[:, np.newaxis] * right[:rank]).T).T


def _corrections(work: Work, nodes: list[Node]) -> dict[str, tuple[Array, Array]]:
    """By layer's name, from the inputs that the rounded network has there."""
    names = {node.name for node in nodes}
    found: dict[str, tuple[Array, Array]] = {}

    def choose(step: Step) -> Layer:
        layer = work.layers[step.node.name]
        if step.node.name in names:
            error = work.rows(step.node) - layer.weights.reals
            found[step.node.name] = low_rank(error, input_products(step.node, step.input)[0])
        return layer

    walk(work, choose)
    return found


def _mean_without(work: Work, node: Node, layer: Layer, u: Array, v: Array) -> Layer:
    """The layer with a bias that leaves to the thin layers what they bring to the mean."""
    mean = work.ranges[node.input(0).name].mean
    rounded = replace(layer.weights, levels=layer.weights.levels.with_scale(np.ones(len(u))), integers=u @ v)
    if mean is None:
        return layer
    brought = layer_sums(node, Layer(rounded, None), mean)
    bias = np.zeros(len(u)) if layer.bias is None else layer.bias
    return Layer(layer.weights, bias - brought.mean(axis=tuple(range(brought.ndim - 1))))


def _insert(graph: Graph, node: Node, layer: Layer, u: Array, v: Array) -> tuple[Node, Node, Node]:
    """The two thin layers and the sum, behind the node, which has the rounded weights and no clamp from now on."""
    shape = node.input(1).shape
    node.inputs[1] = new_constant(graph, f"{node.name}.rounded", layer.weights.reals.reshape(shape))
    clamp = {key: node.attrs[key] for key in ("clamp_min", "clamp_max")}
    free = {**node.attrs, "clamp_min": None, "clamp_max": None}
    small = new_constant(graph, f"{node.name}.down.weights", v.reshape(len(v), *shape[1:]))
    down = new_node(graph, node.op, f"{node.name}.down", [node.input(0), small], free)
    thin = {**free, "strides": (1, 1), "dilations": (1, 1), "pads": (0, 0, 0, 0)} if node.op == "conv2d" else free
    wide = new_constant(graph, f"{node.name}.up.weights", u.reshape(len(u), *[1] * (len(shape) - 2), u.shape[1]))
    up = new_node(graph, node.op, f"{node.name}.up", [down.output, wide], thin)
    sums = new_node(graph, node.op, f"{node.name}.sums", node.inputs, free)
    total = new_node(graph, "add", f"{node.name}.sum", [sums.output, up.output], clamp)
    # The sum takes the layer's result over, so that readers, and the names that users know, stay.
    total.outputs, node.outputs, node.attrs = node.outputs, sums.outputs, free
    place = next(i for i, n in enumerate(graph.nodes) if n is node) + 1
    graph.nodes[place:place] = [down, up, total]
    return down, up, total
