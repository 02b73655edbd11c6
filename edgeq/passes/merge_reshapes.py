"""Reshapes of reshapes become one; transpositions that move no bytes become reshapes."""

from __future__ import annotations

from edgeq.ir.graph import Graph, Node
from edgeq.passes.rewrite import Uses, insert_before, keeps_order, new_node


def merge_reshapes(graph: Graph) -> bool:
    """Returns whether anything changed."""
    changed = False
    for node in graph.nodes:
        if node.op == "transpose" and keeps_order(node.attrs["perm"], node.input(0).shape):
            node.op, node.attrs = "reshape", {"shape": node.output.shape}
            changed = True
    uses = Uses(graph)
    for node in graph.nodes:
        before = uses.producer(node.input(0)) if node.op == "reshape" else None
        if before is not None and before.op == "reshape":
            node.inputs = [before.input(0)]
            node.attrs = {"shape": node.output.shape}
            changed = True
    graph.remove_dead()
    return changed


def explicit_keepdims(graph: Graph, node: Node) -> Node:
    """Gives a mean or argmax `keepdims` and a reshape behind it, so that its axes can be reordered."""
    attrs = {**node.attrs, "keepdims": True}
    wide = new_node(graph, node.op, f"{node.name}.wide", node.inputs, attrs, like=node.output)
    insert_before(graph, node, wide)
    node.op, node.inputs, node.attrs = "reshape", [wide.output], {"shape": node.output.shape}
    return wide
