"""Inserts `requantize` where an operator only moves integers but its output has another scale than its input."""

from __future__ import annotations

from edgeq.ir.graph import Graph, Node, Value
from edgeq.ir.types import TensorType
from edgeq.ops.build import make_node
from edgeq.ops.registry import operator


def align_quantization(graph: Graph) -> None:
    """Quantized graphs only. Afterwards movers and concatenations keep one quantization."""
    nodes: list[Node] = []
    for node in graph.nodes:
        moved = range(len(node.inputs)) if node.op == "concat" else range(1)
        if node.op == "concat" or operator(node.op).keeps_quantization:
            for index in moved:
                value = node.input(index)
                if value.type.quantization != node.output.type.quantization:
                    adapter = _requantize(graph, value, node)
                    if adapter is not None:
                        nodes.append(adapter)
                        node.inputs[index] = adapter.output
        nodes.append(node)
    graph.nodes = nodes


def _requantize(graph: Graph, value: Value, reader: Node) -> Node | None:
    target = reader.output.type.quantization
    if target is None or value.type.quantization is None:
        return None
    name = graph.unique_name(f"{reader.name}.requantize.{value.name}")
    if value.is_constant:
        data = target.quantize(value.quantization.dequantize(value.constant), value.type.dtype)
        reader.inputs = [
            Value(name, TensorType(value.shape, value.type.dtype, target), data) if i is value else i
            for i in reader.inputs
        ]
        return None
    return make_node(
        "requantize", name, [value], output_names=[f"{name}:0"], dtype=value.type.dtype, quantizations=[target]
    )
