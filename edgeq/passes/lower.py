"""Quantized graph -> integer graph: every node gets its integer parameters."""

from __future__ import annotations

from edgeq.errors import EdgeqError
from edgeq.ir.graph import Graph
from edgeq.ops.registry import operator


def lower(graph: Graph) -> None:
    """Fills `params` of every node; from here on nothing is real. Errors name the node."""
    for node in graph.nodes:
        try:
            node.params = operator(node.op).lower(node)
        except EdgeqError as error:
            error.where = error.where or node.name
            raise
