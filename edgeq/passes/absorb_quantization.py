"""Quantize and dequantize nodes inside a graph become the types of the operators between them.

dequantize -> op -> quantize is what a quantized model means by a quantized op: afterwards the op reads and writes int8
values. Operators that only move elements are passed first, so that the pairs meet. What has no quantization on one of
its sides stays float, and `check_quantized` names it.
"""

from __future__ import annotations

import numpy as np

from edgeq.ir.graph import Graph, Node, Value
from edgeq.ir.types import DType, Quantization, TensorType
from edgeq.ops.build import make_node
from edgeq.ops.registry import operator
from edgeq.ops.softmax import OUTPUT_SCALE, OUTPUT_ZERO_POINT
from edgeq.passes.affine import real_data
from edgeq.passes.rewrite import Uses, insert_before, is_real, new_constant, new_node, remove, take_over

MOVERS = ("reshape", "transpose", "slice", "max_pool2d", "resize_nearest", "pad")
"""Their results are elements of their input (or zero), in any quantization alike."""


def absorb_quantization(graph: Graph) -> bool:
    """Returns whether anything changed. Graphs without quantize and dequantize nodes are left alone."""
    if not any(n.op == "dequantize" for n in graph.nodes):
        return False
    changed = False
    while _step(graph):
        changed = True
    return changed


def _step(graph: Graph) -> bool:
    uses = Uses(graph)
    for node in graph.nodes:
        if node.op in ("quantize", "dequantize") or not is_real(*node.outputs):
            continue
        if _absorb(graph, uses, node) or _pass_down(graph, uses, node) or _pass_up(graph, uses, node):
            graph.remove_dead()
            return True
    return False


def _integer_source(uses: Uses, value: Value | None) -> Value | None:
    """The int8 value that `value` dequantizes."""
    producer = uses.producer(value)
    return producer.input(0) if producer is not None and producer.op == "dequantize" else None


def _one_quantization(uses: Uses, value: Value) -> list[Node]:
    """The quantize nodes that read `value`, if nothing else does and they agree."""
    readers = uses.consumers(value)
    agree = len({r.output.type for r in readers}) == 1 and all(r.op == "quantize" for r in readers)
    return readers if agree and not uses.is_output(value) else []


def _absorb(graph: Graph, uses: Uses, node: Node) -> bool:
    inputs = _integer_inputs(graph, uses, node)
    if inputs is None or not operator(node.op).lowers_to_integers:
        return False
    if node.op == "argmax":
        node.inputs = inputs
        return True
    quantizers = _one_quantization(uses, node.output)
    if not quantizers:
        return False
    wanted = quantizers[0].output.type
    given = _own_quantization(node, inputs)
    node.inputs = inputs
    assert wanted.quantization is not None
    if "clamp_min" in node.attrs and node.attrs["clamp_min"] is None and wanted.quantization.zero_point == (-128,):
        # int8 saturation did the rectifier's work; said in reals, so that real arithmetic does it too.
        node.attrs = {**node.attrs, "clamp_min": 0.0}
    if given is None or given == wanted.quantization:
        _take_outputs(graph, node, quantizers)
        return True
    node.output.type = TensorType(node.output.shape, DType.INT8, given)
    name = graph.unique_name(f"{node.name}.requantize")
    adapter = make_node(
        "requantize", name, [node.output], output_names=[name], dtype=DType.INT8, quantizations=[wanted.quantization]
    )
    insert_before(graph, quantizers[0], adapter)
    _take_outputs(graph, adapter, quantizers)
    return True


def _take_outputs(graph: Graph, node: Node, quantizers: list[Node]) -> None:
    first = next((q for q in quantizers if graph.is_output(q.output)), quantizers[0])
    for quantizer in quantizers:
        if quantizer is not first and not graph.is_output(quantizer.output):
            graph.replace_uses(quantizer.output, first.output)
            remove(graph, quantizer)
    take_over(graph, node, first)


def _own_quantization(node: Node, inputs: list[Value | None]) -> Quantization | None:
    """The quantization that the operator dictates for its result, None where it takes any."""
    if node.op == "softmax":
        return Quantization.per_tensor(OUTPUT_SCALE, OUTPUT_ZERO_POINT)
    lead = inputs[0]
    if operator(node.op).keeps_quantization and lead is not None:
        return lead.type.quantization
    return None


def _integer_inputs(graph: Graph, uses: Uses, node: Node) -> list[Value | None] | None:
    """The node's operands as integers, None where one of them has no quantization."""
    row = operator(node.op)
    found: list[Value | None] = []
    for index, value in enumerate(node.inputs):
        integer = _integer_source(uses, value)
        if value is None or integer is not None:
            found.append(integer)
        elif not value.is_constant:
            return None
        elif row.accumulates and index == 1:
            if value.type.dtype is not DType.INT8 or any(value.quantization.zero_point):
                return None
            found.append(value)
        elif row.accumulates:
            x, weights = found[0], found[1]
            if x is None or weights is None:
                return None
            found.append(_bias(graph, node, x, weights, value))
        else:
            operand = _operand(graph, value)
            if operand is None:
                return None
            found.append(operand)
    return found if any(v is not None and not v.is_constant for v in found) else None


def _bias(graph: Graph, node: Node, x: Value, weights: Value, bias: Value) -> Value:
    """The bias in units of input scale times weight scale."""
    scales = np.asarray(weights.quantization.scale) * x.scale
    count = len(scales)
    wanted = Quantization(tuple(float(s) for s in scales), (0,) * count, 0 if count > 1 else None)
    given = bias.type.quantization
    same = given is not None and len(given.scale) == count and np.allclose(given.scale, wanted.scale, rtol=1e-5)
    if same and bias.type.dtype is DType.INT32 and not any(given.zero_point if given else ()):
        return new_constant(graph, f"{node.name}.bias", bias.constant, wanted)
    data = wanted.quantize(real_data(bias), DType.INT32)
    return new_constant(graph, f"{node.name}.bias", data, wanted)


def _operand(graph: Graph, value: Value) -> Value | None:
    """A constant operand of an element-wise operator as int8 with one scale."""
    quantization = value.type.quantization
    if quantization is not None:
        return value if value.type.dtype is DType.INT8 and quantization.is_per_tensor else None
    low, high = min(0.0, float(value.constant.min())), max(0.0, float(value.constant.max()))
    scale = max((high - low) / 255, 1e-12)
    chosen = Quantization.per_tensor(scale, int(np.clip(round(-128 - low / scale), -128, 127)))
    return new_constant(graph, value.name, chosen.quantize(value.constant, DType.INT8), chosen)


def _pass_down(graph: Graph, uses: Uses, node: Node) -> bool:
    """move(dequantize(x)) -> dequantize(move(x))."""
    source = _integer_source(uses, node.inputs[0]) if node.op in MOVERS else None
    if source is None:
        return False
    inner = new_node(graph, node.op, f"{node.name}.integer", [source], node.attrs)
    insert_before(graph, node, inner)
    _same_origin(graph, node.output, inner.output)
    inner.name, node.name = node.name, graph.unique_name(f"{node.name}.dequantize")
    node.op, node.inputs, node.attrs = "dequantize", [inner.output], {}
    return True


def _same_origin(graph: Graph, known: Value, other: Value) -> None:
    """`other` stands for the same tensor of the file as `known`."""
    origin = graph.meta.get("origin", {})
    if known.name in origin:
        origin[other.name] = list(origin[known.name])


def _pass_up(graph: Graph, uses: Uses, node: Node) -> bool:
    """quantize(move(x)) -> move(quantize(x)), where nothing else reads x."""
    if node.op not in MOVERS or uses.only_reader(node.input(0)) is None or node.input(0).is_constant:
        return False
    quantizers = _one_quantization(uses, node.output)
    if not quantizers:
        return False
    kind = quantizers[0].output.type
    name = graph.unique_name(f"{node.name}.quantize")
    early = make_node(
        "quantize", name, [node.input(0)], output_names=[name], dtype=kind.dtype, quantizations=[kind.quantization]
    )
    insert_before(graph, node, early)
    _same_origin(graph, node.input(0), early.output)
    node.inputs[0] = early.output
    _take_outputs(graph, node, quantizers)
    return True
