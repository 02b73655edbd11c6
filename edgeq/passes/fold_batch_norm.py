"""Batch normalization vanishes into the layer before or behind it, or becomes mul and add."""

from __future__ import annotations

import numpy as np

from edgeq.ir.graph import Graph, Node
from edgeq.passes.affine import ACCUMULATING, foldable_producer, scale_inputs, scale_outputs, takes_scale
from edgeq.passes.rewrite import Uses, bypass, insert_before, new_constant, new_node, take_over


def fold_batch_norm(graph: Graph) -> bool:
    """Real graphs only. Folds what has a layer beside it; `expand_batch_norm` treats the rest."""
    changed = False
    while _step(graph):
        changed = True
    return changed


def _step(graph: Graph) -> bool:
    uses = Uses(graph)
    for node in graph.nodes:
        if node.op != "batch_norm" or not (node.input(1).is_constant and node.input(2).is_constant):
            continue
        scale, offset = (node.input(i).constant.astype(np.float64) for i in (1, 2))
        producer = foldable_producer(uses, node.input(0))
        if producer is not None and takes_scale(producer, scale):
            scale_outputs(graph, producer, scale, offset)
            take_over(graph, producer, node)
            return True
        reader = uses.only_reader(node.output)
        reads = reader is not None and reader.op in ACCUMULATING and reader.input(0) is node.output
        if reads and reader is not None and scale_inputs(graph, reader, scale, offset):
            return bypass(graph, node)
    return False


def expand_batch_norm(graph: Graph) -> bool:
    """batch_norm -> mul, then add. Last, when nothing can be folded any more."""
    left = [n for n in graph.nodes if n.op == "batch_norm"]
    for node in left:
        _expand(graph, node)
    return bool(left)


def _expand(graph: Graph, node: Node) -> None:
    scaled = new_node(graph, "mul", f"{node.name}.scaled", [node.input(0), node.input(1)])
    if node.input(2).is_constant and not node.input(2).constant.any():
        insert_before(graph, node, scaled)
        take_over(graph, scaled, node)
        return
    insert_before(graph, node, scaled)
    # A fresh constant: batch norms may share theirs, passes change one node at a time.
    offset = new_constant(graph, f"{node.name}.offset", node.input(2).constant)
    node.op, node.inputs = "add", [scaled.output, offset]
    node.attrs = {"clamp_min": None, "clamp_max": None}
