"""Moves reshapes behind element-wise operators, so that these meet the convolution they can be fused with."""

from __future__ import annotations

from edgeq.ir.graph import Graph, Node, Value
from edgeq.ops.registry import operator
from edgeq.passes.rewrite import Uses, insert_before, new_constant, new_node, take_over


def sink_reshapes(graph: Graph) -> bool:
    """op(reshape(x)) -> reshape(op(x)) where nothing else reads the reshape. Returns whether any moved."""
    changed = False
    while _step(graph):
        changed = True
    return changed


def is_elementwise(node: Node) -> bool:
    """One input, one output, every element by itself."""
    return node.op in ("quantize", "dequantize", "quant", "trunc") or operator(node.op).kernels == "lookup"


def _step(graph: Graph) -> bool:
    uses = Uses(graph)
    for node in graph.nodes:
        # A dequantization goes the other way: `absorb_quantization` moves it behind reshapes.
        if is_elementwise(node) and node.op != "dequantize" and _private_reshape(uses, node.input(0)):
            _swap(graph, node, [node.input(0)], {})
            return True
        if node.op == "batch_norm":
            reshape = _private_reshape(uses, node.input(0))
            if reshape is not None and reshape.input(0).shape[-1:] == node.output.shape[-1:]:
                _swap(graph, node, [node.input(0)], {})
                return True
        if node.op in ("add", "sub", "mul", "div") and _sink_pair(graph, uses, node):
            return True
    return False


def _private_reshape(uses: Uses, value: Value | None) -> Node | None:
    return uses.private_producer(value, "reshape")


def _sink_pair(graph: Graph, uses: Uses, node: Node) -> bool:
    computed = [i for i in node.inputs if i is not None and not i.is_constant]
    reshapes = [_private_reshape(uses, i) for i in computed]
    sources = [r.input(0).shape for r in reshapes if r is not None]
    if not sources or len(sources) != len(computed) or len(set(sources)) != 1:
        return False
    if any(i.shape != node.output.shape for i in computed) or not sources[0]:
        return False
    replaced: dict[int, Value] = {}
    for value in node.inputs:
        if value is None or not value.is_constant:
            continue
        quantization = value.type.quantization
        scalar = value.type.elements == 1
        per_channel = bool(value.shape) and value.type.elements == value.shape[-1]
        if not scalar and not (per_channel and sources[0][-1] == node.output.shape[-1]):
            return False
        if quantization is not None and not quantization.is_per_tensor:
            return False
        shape = () if scalar else (value.shape[-1],)
        replaced[id(value)] = new_constant(graph, f"{node.name}.constant", value.constant.reshape(shape), quantization)
    _swap(graph, node, computed, replaced)
    return True


def _swap(graph: Graph, node: Node, computed: list[Value], replaced: dict[int, Value]) -> None:
    """Applies `node` to the inputs of the reshapes that make `computed`; one reshape follows."""
    sources = {id(v): reshape.input(0) for v in computed if (reshape := graph.producer(v)) is not None}
    inputs = [None if i is None else sources.get(id(i)) or replaced.get(id(i), i) for i in node.inputs]
    inner = new_node(graph, node.op, f"{node.name}.before_reshape", inputs, node.attrs, like=node.output)
    after = new_node(graph, "reshape", f"{node.name}.reshape", [inner.output], {"shape": node.output.shape})
    inner.name, after.name = node.name, graph.unique_name(f"{node.name}.reshape")
    insert_before(graph, node, inner, after)
    origin = graph.meta.get("origin", {})
    if node.output.name in origin:
        origin[inner.output.name] = list(origin[node.output.name])
    take_over(graph, after, node)
    graph.remove_dead()
