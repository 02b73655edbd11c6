"""The order of the passes; the graph is checked after each stage."""

from __future__ import annotations

from edgeq.errors import UnsupportedError, UsageError
from edgeq.ir.graph import Graph
from edgeq.passes.align_quantization import align_quantization
from edgeq.passes.borders import remove_borders
from edgeq.passes.check import check_graph, check_quantized
from edgeq.passes.lower import lower
from edgeq.passes.simplify import simplify

ATTENTION = ("fused", "log2", "split")


def prepare(graph: Graph, attention: str = "fused") -> None:
    """What every imported graph goes through: borders become integers, exporters' detours vanish.

    attention: `split` leaves it as two products and a softmax, `fused` makes one operator of them, `log2` one whose
    probabilities are powers of two. Raises UsageError for anything else.
    """
    if attention not in ATTENTION:
        raise UsageError(f"{attention!r} is no way to compute attention", hint=f"use one of: {', '.join(ATTENTION)}")
    check_graph(graph, "import")
    simplify(graph, attention)
    remove_borders(graph)
    simplify(graph, attention)
    for node in (n for n in graph.nodes if n.op == "attention"):
        node.attrs["log2"] = attention == "log2"
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
