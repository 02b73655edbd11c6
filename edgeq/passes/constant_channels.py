"""Takes channels out of a lowered graph whose integers do not depend on its inputs, or that nothing needs.

What remains computes the same integers: bits of outputs, and of every kept channel in between. Constant inputs of sums
go into the bias. Multipliers and shifts stay those of the whole layer, as a dense layer's depend on all its weights.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import compress

import numpy as np

from edgeq.errors import InternalError
from edgeq.ir.graph import Graph, Node, Value
from edgeq.ir.types import Array, Quantization
from edgeq.ops.registry import operator
from edgeq.passes.check import check_graph
from edgeq.passes.known_elements import known_elements
from edgeq.passes.needed_channels import Channels
from edgeq.passes.rewrite import new_constant

KEPT = "kept_channels"
"""Key of `graph.meta`: by name of a value that lost channels, the indices of those that are left."""


def needed_channels(graph: Graph) -> Channels:
    """The channels of a lowered graph that cannot be left out."""
    integers, known = known_elements(graph)
    return Channels(graph, integers, known)


def remove_channels(graph: Graph, channels: Channels) -> None:
    """Leaves out, in place, what `channels` (of this graph or its copy) does not keep."""
    kept = channels.kept
    changed = {name for name, mask in kept.items() if not mask.all()}
    nodes = [n for n in graph.nodes if any(v is not None and v.name in changed for v in (*n.inputs, *n.outputs))]
    for node in nodes:
        _narrow_constants(graph, node, channels)
    listed = graph.meta.setdefault(KEPT, {})
    for value in list(graph.values()):
        if value.name in changed:
            listed[value.name] = [int(i) for i in np.flatnonzero(kept[value.name])]
            value.type = replace(value.type, shape=(*value.shape[:-1], len(listed[value.name])))
    for node in nodes:
        _lower_again(node, kept[node.output.name])
    check_graph(graph, "constant_channels")


def _narrow_constants(graph: Graph, node: Node, channels: Channels) -> None:
    """Weights, bias, thresholds, operands and attributes for the channels that are left."""
    outputs = channels.kept[node.output.name]
    row = operator(node.op)
    if row.accumulates:
        layer = channels.layers.get(node.name)
        if layer is not None:
            inputs = channels.kept[node.input(0).name]
            moved = layer.constant_shares[:, ~inputs].sum(axis=1)
            if moved[outputs].any():
                node.inputs += [None] * (3 - len(node.inputs))
                node.inputs[2] = _moved_bias(graph, node, moved)
            node.inputs[1] = _taken(graph, node.input(1), -1, inputs)
        node.inputs[1] = _taken(graph, node.input(1), row.weight_axis, outputs)
        for index in range(2, len(node.inputs)):
            value = node.optional(index)
            if value is not None and len(value.constant) == len(outputs) > 1:
                node.inputs[index] = _taken(graph, value, 0, outputs)
        return
    for index, value in enumerate(node.inputs):
        if value is not None and value.is_constant and value.shape and value.shape[-1] == len(outputs) > 1:
            node.inputs[index] = _taken(graph, value, -1, outputs)
    left = int(outputs.sum())
    if node.op == "reshape":
        node.attrs["shape"] = (*node.output.shape[:-1], left)
    if node.op == "slice":
        node.attrs["end"] = (*node.attrs["end"][:-1], left)


def _moved_bias(graph: Graph, node: Node, moved: Array) -> Value:
    """The bias with known amounts added; the graph's accumulator bounds say that it fits."""
    bias = node.optional(2)
    if bias is None:
        return new_constant(graph, f"{node.name}_bias", moved.astype(np.int32))
    total = bias.constant.astype(np.int64) + moved
    if total.size and max(-int(total.min()), int(total.max())) >= 2**31:
        raise InternalError(f"a folded bias of {node.name!r} leaves 32 bits")
    return replace(bias, name=graph.unique_name(bias.name), data=total.astype(bias.constant.dtype))


def _taken(graph: Graph, value: Value, axis: int, kept: Array) -> Value:
    """The kept slices of a constant, as a constant of its own: others may read the whole one."""
    if kept.all():
        return value
    axis %= len(value.shape)
    data = np.ascontiguousarray(np.compress(kept, value.constant, axis=axis))
    quantization = value.type.quantization
    if quantization is not None and not quantization.is_per_tensor and quantization.axis == axis:
        scales, zeros = tuple(compress(quantization.scale, kept)), tuple(compress(quantization.zero_point, kept))
        quantization = Quantization(scales, zeros, axis)
    kind = replace(value.type, shape=tuple(data.shape), quantization=quantization)
    return Value(graph.unique_name(value.name), kind, data)


def _lower_again(node: Node, outputs: Array) -> None:
    before = node.params
    node.params = operator(node.op).lower(node)
    for key in ("multiplier", "shift"):
        whole = before.get(key)
        if isinstance(whole, np.ndarray):
            node.params[key] = whole[outputs]
