"""What stands around the products of attention: a transposed second factor, a scaled argument of softmax."""

from __future__ import annotations

import numpy as np

from edgeq.ir.graph import Graph, Node
from edgeq.passes.rewrite import Uses, is_real, remove


def fuse_attention(graph: Graph) -> bool:
    """matmul(a, transpose(b)) -> one node; softmax(c x) -> softmax with `beta`. Real graphs. Returns whether any."""
    changed = False
    for node in list(graph.nodes):
        if node.op == "matmul":
            changed |= _take_transpose(graph, node)
        elif node.op == "softmax" and is_real(*node.inputs):
            changed |= _take_factor(graph, node)
    return changed


def _take_transpose(graph: Graph, node: Node) -> bool:
    turn = Uses(graph).private_producer(node.input(1), "transpose")
    if turn is None or node.input(0) is node.input(1):
        return False
    rank = len(turn.output.shape)
    if tuple(turn.attrs["perm"]) != (*range(rank - 2), rank - 1, rank - 2):
        return False
    node.inputs[1] = turn.input(0)
    node.attrs["transpose_b"] = not node.attrs["transpose_b"]
    remove(graph, turn)
    return True


def _take_factor(graph: Graph, node: Node) -> bool:
    scaling = Uses(graph).private_producer(node.input(0), "mul")
    if scaling is None or any(scaling.attrs[bound] is not None for bound in ("clamp_min", "clamp_max")):
        return False
    for at in (0, 1):
        factor, x = scaling.input(at), scaling.input(1 - at)
        if factor.is_constant and factor.type.elements == 1 and is_real(factor) and x.shape == node.input(0).shape:
            number = float(np.asarray(factor.constant).reshape(()))
            if number > 0:
                node.inputs[0] = x
                node.attrs["beta"] *= number
                remove(graph, scaling)
                return True
    return False
