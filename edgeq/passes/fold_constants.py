"""Computes at conversion what does not depend on the input."""

from __future__ import annotations

from edgeq.ir.graph import Graph, Node
from edgeq.ir.types import Array, DType
from edgeq.ops.registry import operator

MAX_ELEMENTS = 2**22
"""Larger results stay nodes: a table of that size helps nobody."""


def fold_constants(graph: Graph) -> bool:
    """Nodes whose inputs are all constant become constants. Returns whether there were any."""
    changed = False
    for node in list(graph.nodes):
        if all(i is None or i.is_constant for i in node.inputs) and node.output.type.elements <= MAX_ELEMENTS:
            changed |= _fold(node)
    if changed:
        graph.nodes = [n for n in graph.nodes if not all(o.is_constant for o in n.outputs)]
    return changed


def _fold(node: Node) -> bool:
    kinds = {v.type.dtype.is_float for v in (*node.inputs, *node.outputs) if v is not None}
    reals: list[Array | None] = []
    for value in node.inputs:
        if value is None:
            reals.append(None)
        elif value.type.quantization is not None:
            reals.append(value.type.quantization.dequantize(value.constant))
        else:
            reals.append(value.constant)
    if len(node.outputs) != 1 or (kinds != {True} and node.output.type.quantization is None):
        return False
    (result,) = operator(node.op).compute(node, reals)
    kind = node.output.type
    if kind.quantization is not None and kind.dtype is not DType.FLOAT32:
        node.output.data = kind.quantization.quantize(result, kind.dtype)
    else:
        node.output.data = result.astype(kind.dtype.numpy)
    return True
