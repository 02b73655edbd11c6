"""Computes equal things once."""

from __future__ import annotations

from edgeq.ir.graph import Graph, Node


def merge_duplicates(graph: Graph) -> bool:
    """Nodes with the same operator, inputs, attributes and result types become one. Returns whether any did."""
    seen: dict[object, Node] = {}
    gone: set[int] = set()
    for node in list(graph.nodes):
        key = (
            node.op,
            tuple(id(i) for i in node.inputs),
            repr(sorted(node.attrs.items())),
            tuple(o.type for o in node.outputs),
        )
        first = seen.setdefault(key, node)
        if first is node or any(graph.is_output(o) for o in node.outputs):
            continue
        for old, new in zip(node.outputs, first.outputs, strict=True):
            graph.replace_uses(old, new)
        gone.add(id(node))
    graph.nodes = [n for n in graph.nodes if id(n) not in gone]
    return bool(gone)
