"""What a legal graph is. Runs after every pass, so that a broken pass is named at once."""

from __future__ import annotations

from edgeq.errors import InternalError
from edgeq.ir.graph import Graph
from edgeq.ir.text import node_text


def verify_structure(graph: Graph, stage: str) -> None:
    """Names unique, values defined before use and once, constants shaped as typed, outputs reachable."""
    defined: set[int] = {id(v) for v in graph.inputs}
    names: dict[str, int] = {}
    for value in graph.values():
        if names.setdefault(value.name, id(value)) != id(value):
            raise InternalError(f"after {stage}: two values are named {value.name!r}")
        if value.data is not None and (
            tuple(value.data.shape) != value.shape or value.data.dtype != value.type.dtype.numpy
        ):
            raise InternalError(
                f"after {stage}: constant {value.name!r} holds {value.data.dtype}{list(value.data.shape)}, "
                f"typed {value.type}"
            )
    for node in graph.nodes:
        for operand in node.inputs:
            if operand is not None and not operand.is_constant and id(operand) not in defined:
                raise InternalError(f"after {stage}: {operand.name!r} is used before it is computed\n{node_text(node)}")
        for value in node.outputs:
            if id(value) in defined or value.is_constant:
                raise InternalError(f"after {stage}: {value.name!r} is defined twice\n{node_text(node)}")
            defined.add(id(value))
    for value in graph.outputs:
        if not value.is_constant and id(value) not in defined:
            raise InternalError(f"after {stage}: output {value.name!r} is never computed")
