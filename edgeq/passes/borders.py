"""Removes `quantize` and `dequantize` at the border: the C takes and gives integers, the manifest says their scale."""

from __future__ import annotations

from edgeq.ir.graph import Graph, Node, Value


def remove_borders(graph: Graph) -> None:
    """Graph inputs that are quantized at once, and outputs that are dequantized last, become integer ones.

    An input that is also read as float keeps its node; `check_quantized` then reports the float reader.
    """
    for node in list(graph.nodes):
        if node.op == "quantize":
            _absorb_input(graph, node)
        elif node.op == "dequantize":
            _absorb_output(graph, node)


def _absorb_input(graph: Graph, node: Node) -> None:
    source = node.input(0)
    if not any(i is source for i in graph.inputs) or len(graph.consumers(source)) != 1:
        return
    if not source.type.dtype.is_float:
        return
    graph.nodes = [n for n in graph.nodes if n is not node]
    graph.inputs = [node.output if i is source else i for i in graph.inputs]
    _rename(graph, node.output, source.name)


def _rename(graph: Graph, integer: Value, name: str) -> None:
    """The integer value takes the name that users know."""
    origin = graph.meta.get("origin", {})
    if integer.name in origin:
        origin[name] = origin.pop(integer.name)
    integer.name = name


def _absorb_output(graph: Graph, node: Node) -> None:
    if not graph.is_output(node.output) or graph.consumers(node.output):
        return
    integer = node.input(0)
    if integer.is_constant or any(i is integer for i in graph.inputs):
        return
    graph.outputs = [integer if o is node.output else o for o in graph.outputs]
    graph.nodes = [n for n in graph.nodes if n is not node]
    _rename(graph, integer, node.output.name)
