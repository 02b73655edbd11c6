"""Folds multiplication and addition by constants per channel into the convolution or dense layer beside them."""

from __future__ import annotations

import numpy as np

from edgeq.ir.graph import Graph, Node, Value
from edgeq.ir.types import Array
from edgeq.passes.affine import (
    ACCUMULATING,
    channel_vector,
    foldable_producer,
    scale_inputs,
    scale_outputs,
    takes_scale,
)
from edgeq.passes.rewrite import Uses, bypass, is_real, take_over


def fold_affine(graph: Graph) -> bool:
    """Real graphs only; quantized nodes are left alone. Returns whether anything was folded."""
    changed = False
    while _step(graph):
        changed = True
    return changed


def _step(graph: Graph) -> bool:
    uses = Uses(graph)
    for node in graph.nodes:
        found = _affine(node)
        if found is None:
            continue
        x, scale, offset = found
        producer = foldable_producer(uses, x)
        if producer is not None and takes_scale(producer, scale):
            scale_outputs(graph, producer, scale, offset)
            producer.attrs = {**producer.attrs, **{k: node.attrs[k] for k in ("clamp_min", "clamp_max")}}
            take_over(graph, producer, node)
            return True
        if _into_reader(graph, uses, node, scale, offset):
            return True
    return False


def _affine(node: Node) -> tuple[Value, Array, Array] | None:
    """(x, scale, offset) when the node computes x * scale + offset per channel of its real input x."""
    if node.op not in ("add", "sub", "mul") or not is_real(*node.inputs, *node.outputs):
        return None
    a, b = node.input(0), node.input(1)
    if a.is_constant == b.is_constant:
        return None
    x, constant = (b, a) if a.is_constant else (a, b)
    if x.shape != node.output.shape or not x.shape:
        return None
    channels = x.shape[-1]
    vector = channel_vector(constant, channels)
    if vector is None:
        return None
    ones, zeros = np.ones(channels), np.zeros(channels)
    if node.op == "mul":
        return x, vector, zeros
    if node.op == "add":
        return x, ones, vector
    return (x, ones, -vector) if x is a else (x, -ones, vector)


def _into_reader(graph: Graph, uses: Uses, node: Node, scale: Array, offset: Array) -> bool:
    reader = uses.only_reader(node.output)
    if reader is None or reader.op not in ACCUMULATING or reader.input(0) is not node.output:
        return False
    if node.attrs["clamp_min"] is not None or node.attrs["clamp_max"] is not None:
        return False
    if not scale_inputs(graph, reader, scale, offset):
        return False
    if node.input(0).is_constant:
        node.inputs.reverse()
    return bypass(graph, node)
