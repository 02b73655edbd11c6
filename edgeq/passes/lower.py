"""Quantized graph -> integer graph: every node gets its integer parameters."""

from __future__ import annotations

import numpy as np

from edgeq.errors import EdgeqError, ModelDataError
from edgeq.ir.graph import Graph
from edgeq.ops.registry import operator


def lower(graph: Graph) -> None:
    """Fills `params` of every node; from here on nothing is real. Errors name the node."""
    for node in graph.nodes:
        try:
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                node.params = operator(node.op).lower(node)
        except EdgeqError as error:
            error.where = error.where or node.name
            raise
        except (ArithmeticError, ValueError) as error:
            raise ModelDataError(
                f"the integer form of {node.op} cannot be computed: {error}",
                where=node.name,
                hint="a scale or attribute of this layer is far outside of any useful range",
            ) from None
