"""A transposition of a transposition is one, or none."""

from __future__ import annotations

from edgeq.ir.graph import Graph
from edgeq.passes.rewrite import bypass, compose


def compose_transposes(graph: Graph) -> bool:
    """transpose(transpose(x)) -> one transpose, or x. Returns whether anything changed."""
    changed = False
    for node in list(graph.nodes):
        if node.op != "transpose":
            continue
        before = graph.producer(node.input(0))
        if before is None or before.op != "transpose":
            continue
        perm = compose(before.attrs["perm"], node.attrs["perm"])
        node.inputs, node.attrs = [before.input(0)], {"perm": perm}
        if perm == tuple(range(len(perm))):
            bypass(graph, node)
        changed = True
    graph.remove_dead()
    return changed
