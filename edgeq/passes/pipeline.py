"""The order of the passes; the graph is checked after each stage."""

from __future__ import annotations

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Graph
from edgeq.passes.align_quantization import align_quantization
from edgeq.passes.borders import remove_borders
from edgeq.passes.check import check_graph, check_quantized
from edgeq.passes.lower import lower
from edgeq.passes.simplify import simplify


def prepare(graph: Graph, split_attention: bool = False) -> None:
    """What every imported graph goes through: borders become integers, exporters' detours vanish.

    split_attention: leaves attention as two products and a softmax.
    """
    check_graph(graph, "import")
    simplify(graph, split_attention)
    remove_borders(graph)
    simplify(graph, split_attention)
    check_graph(graph, "simplify")
    if not graph.nodes or any(o.is_constant for o in graph.outputs):
        raise UnsupportedError(
            "the network computes nothing from its inputs",
            where=graph.name,
            hint="its outputs are constants, or the inputs themselves",
        )


def is_quantized(graph: Graph) -> bool:
    """Whether no float is left."""
    return not any(v.type.dtype.is_float for v in graph.values())


def to_integer(graph: Graph) -> None:
    """Quantized graph -> integer graph, in place."""
    align_quantization(graph)
    check_graph(graph, "align_quantization")
    check_quantized(graph)
    lower(graph)
