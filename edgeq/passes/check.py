"""The rules of each stage of a graph, checked between passes."""

from __future__ import annotations

from edgeq.errors import InternalError, UnsupportedError
from edgeq.ir.graph import Graph, Node
from edgeq.ir.text import node_text
from edgeq.ir.verify import verify_structure
from edgeq.ops.registry import operator


def check_graph(graph: Graph, stage: str) -> None:
    """Structure, known attributes, shapes as inferred. Raises InternalError naming the stage and the node."""
    verify_structure(graph, stage)
    for node in graph.nodes:
        row = operator(node.op)
        unknown = set(node.attrs) - set(row.attributes)
        if unknown:
            raise InternalError(f"after {stage}: unknown attributes {sorted(unknown)}\n{node_text(node)}")
        try:
            shapes = row.infer(node)
        except ValueError as error:
            raise InternalError(f"after {stage}: {error}\n{node_text(node)}") from None
        if shapes != [o.shape for o in node.outputs]:
            raise InternalError(f"after {stage}: inferred {shapes}\n{node_text(node)}")


def check_quantized(graph: Graph) -> None:
    """Every value is an integer with a meaning; lists all that are not. Raises UnsupportedError."""
    problems = [problem for node in graph.nodes if (problem := _problem(node))]
    if problems:
        raise UnsupportedError(
            "these layers have no integer form",
            problems=problems,
            hint="quantize the whole network, or convert its float original with --calibrate",
        )


def _problem(node: Node) -> str | None:
    row = operator(node.op)
    if not row.lowers_to_integers:
        return f"{node.name} ({node.op}): exists only in float networks"
    for value in (*node.inputs, *node.outputs):
        if value is not None and value.type.dtype.is_float:
            return f"{node.name} ({node.op}): {value.name!r} is float"
    if row.keeps_quantization and node.input(0).type.quantization != node.output.type.quantization:
        return f"{node.name} ({node.op}): input and output have different quantizations"
    return None
