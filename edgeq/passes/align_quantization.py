"""Inserts `requantize` where an operator cannot change or choose a quantization itself."""

from __future__ import annotations

from edgeq.ir.graph import Graph, Node, Value
from edgeq.ir.types import DType, Quantization, TensorType
from edgeq.ops.build import make_node
from edgeq.ops.registry import operator


def align_quantization(graph: Graph) -> None:
    """Quantized graphs only. Afterwards movers and concatenations keep one quantization, and softmax gives its own."""
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.op == "concat" or operator(node.op).keeps_quantization:
            for index in range(len(node.inputs) if node.op == "concat" else 1):
                if _numbers(node.input(index)) != _numbers(node.output):
                    nodes += _adapt_input(node, index)
        nodes.append(node)
        row = operator(node.op)
        natural = row.wide_natural_output if node.output.type.dtype is DType.INT16 else row.natural_output
        if row.only_natural_output and natural is not None:
            nodes += _adapt_output(node, Quantization.per_tensor(*natural))
    graph.nodes = nodes


def _numbers(value: Value) -> tuple[DType, Quantization | None]:
    return value.type.dtype, value.type.quantization


def _adapt_input(node: Node, index: int) -> list[Node]:
    """Input `index` comes in the output's width and quantization afterwards; the new nodes, if any."""
    value, target = node.input(index), node.output.type.quantization
    if target is None or value.type.quantization is None:
        return []
    name, dtype = f"{node.name}.requantize{index}", node.output.type.dtype
    if value.is_constant:
        data = target.quantize(value.quantization.dequantize(value.constant), dtype)
        node.inputs[index] = Value(name, TensorType(value.shape, dtype, target), data)
        return []
    adapter = _requantize(value, name, f"{name}:0", target, dtype)
    node.inputs[index] = adapter.output
    return [adapter]


def _adapt_output(node: Node, natural: Quantization) -> list[Node]:
    """The node gives `natural`, and a new node the quantization that its readers expect; the new nodes, if any."""
    wanted = node.output
    if wanted.type.quantization in (None, natural):
        return []
    own = Value(f"{wanted.name}.natural", TensorType(wanted.shape, wanted.type.dtype, natural))
    node.outputs = [own]
    adapter = _requantize(own, f"{node.name}.requantize", wanted.name, wanted.quantization, wanted.type.dtype)
    adapter.outputs = [wanted]
    return [adapter]


def _requantize(value: Value, name: str, output: str, target: Quantization, dtype: DType) -> Node:
    return make_node("requantize", name, [value], output_names=[output], dtype=dtype, quantizations=[target])
