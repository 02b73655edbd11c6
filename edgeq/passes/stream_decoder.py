"""Decoders token by token: what `--stream` makes of causal attention and of what belongs to a position.

The keys and values of the tokens so far lie in rings in the model's state; the newest query is the only row. Rotary
positions and constants that differ from position to position go by a count of the calls since the last reset. So the
calls after a reset give, one by one, what the network over the window gives for its positions. Beyond the window, the
oldest tokens leave the rings (attention slides), rotary angles go on, and of other constants the last row stays.

All this is for networks whose attention is causal throughout; others see the whole window anew in every call.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from edgeq.ir.graph import Graph, Node, Value
from edgeq.ir.types import Array, DType, TensorType
from edgeq.ops.ring_int4 import code_bytes

if TYPE_CHECKING:
    from edgeq.passes.stream import Frames, Streaming

View = tuple[int, int, int]
"""Where heads lie in a value: the first element, from head to head, from token to token."""


def decodes(graph: Graph) -> bool:
    """Whether all attention is causal, and there is some."""
    found = [node.attrs["causal"] for node in graph.nodes if node.op == "attention"]
    return bool(found) and all(found)


def looked_up(streaming: Streaming, node: Node) -> Frames | None:
    """Rows of a table for the newest tokens."""
    known = streaming.frames_of(node.input(1))
    if known is None:
        return None
    return streaming.frames_at(streaming.make(node, [node.input(0), known.value], node.attrs), known.axis, known.count)


def rotated(streaming: Streaming, node: Node) -> Frames | None:
    """The angles go on from call to call."""
    known = streaming.frames_of(node.input(0))
    if not streaming.decodes or known is None or known.axis != node.attrs["axis"]:
        return None
    made = streaming.make(node, [known.value], {**node.attrs, "stateful": True})
    return streaming.frames_at(made, known.axis, known.count)


def attended(streaming: Streaming, node: Node) -> Frames | None:
    """The newest query against rings of keys and values."""
    a = node.attrs
    views = [_one_token(streaming, node, index) for index in range(3)]
    result = _resting(a["shape"], a["y_view"][-1], a["queries"])
    if not streaming.decodes or a["batches"] != 1 or a["queries"] != a["keys"] or result is None or None in views:
        return None
    q, k, v = (view for view in views if view is not None)
    written = _shrunk((0, *a["y_view"][1:]), a["shape"], result)
    if written is None:
        return None
    position = _position(streaming, a["keys"])
    form = "_int4" if streaming.ring == "int4" and (a["depth"] | a["columns"]) % 2 == 0 else ""
    heads = a["kv_heads"]
    rings = [
        _ring(streaming, f"ring{form}", f"{node.name}.{name}", node.input(index), view, (heads, a[size]), position)
        for name, index, view, size in (("keys", 1, k, "depth"), ("values", 2, v, "columns"))
    ]
    newest_views = {"q_view": (q[0], 0, *q[1:]), "y_view": (0, *written[1:])}
    for view, size in (("k_view", "depth"), ("v_view", "columns")):
        elements = code_bytes(a[size]) if form else a[size]
        newest_views[view] = (0, 0, elements, heads * elements)
    shape = (*a["shape"][:result], 1, *a["shape"][result + 1 :])
    attrs = {**a, **newest_views, "queries": 1, "shape": shape, "causal": False}
    newest = streaming.frames_of(node.input(0))
    assert newest is not None
    inputs = [newest.value, *rings, position]
    made = streaming.put(f"attention_ring{form}", node.name, inputs, attrs, node.output.type, node.output.name)
    streaming.endless = True
    return streaming.frames_at(made, result, 1)


def constant_of_position(streaming: Streaming, value: Value, back: int) -> Value | None:
    """The newest position's part of a constant, whose axis `back` from the end counts positions."""
    before, window, rest = value.shape[:-back], value.shape[-back], value.shape[len(value.shape) - back + 1 :]
    if not streaming.decodes or prod(before) != 1 or window != streaming.window:
        return None
    kind = TensorType((window, prod(rest)), value.type.dtype, value.type.quantization)
    table = Value(f"{value.name}.rows", kind, np.ascontiguousarray(value.constant).reshape(kind.shape))
    position = _position(streaming, window)
    row = streaming.put("gather", f"{value.name}.row", [table, position], {}, value.type)
    return streaming.view(row, (*before, 1, *rest), f"{value.name}.newest")


def _position(streaming: Streaming, window: int) -> Value:
    """The count of calls, which all share."""
    if streaming.position is None:
        start = _constant("position.first", np.full((1, 1), -1, np.int32))
        counted = [streaming.new.inputs[0], start]
        kind = TensorType((1, 1), DType.INT32)
        streaming.position = streaming.put("position", "position", counted, {"window": window}, kind)
    return streaming.position


def _ring(
    streaming: Streaming, op: str, name: str, source: Value, view: View, heads: tuple[int, int], position: Value
) -> Value:
    """The ring of what `view` reads of a value of the original. heads: how many, and their size."""
    known = streaming.frames_of(source)
    assert known is not None
    parts, size = heads
    row = parts * (size if op == "ring" else code_bytes(size))
    first = _constant(f"{name}.first", np.zeros((1, 1, row), source.type.dtype.numpy))
    first.type = TensorType(first.shape, source.type.dtype, source.type.quantization)
    attrs = {"frames": streaming.window, "start": view[0], "parts": parts, "size": size, "stride": view[1]}
    return streaming.put(op, name, [known.value, first, position], attrs, source.type)


def _constant(name: str, data: Array) -> Value:
    return Value(name, TensorType(tuple(data.shape), DType(data.dtype.name)), data)


def _one_token(streaming: Streaming, node: Node, index: int) -> View | None:
    """Where the heads of an input lie in its newest token."""
    value, known = node.input(index), streaming.frames_of(node.input(index))
    start, _, head, token = node.attrs[("q_view", "k_view", "v_view")[index]]
    if known is None or known.whole or known.count != 1 or value.shape[known.axis] != node.attrs["keys"]:
        return None
    return _shrunk((start, head, token), value.shape, known.axis)


def _shrunk(view: View, shape: tuple[int, ...], axis: int) -> View | None:
    """The view when the axis of tokens has one; None where its tokens do not lie along it."""
    start, head, token = view
    step = prod(shape[axis + 1 :])
    whole = step * shape[axis]
    if token != step or start // step % shape[axis] or (head >= step and head % whole):
        return None
    return start // whole * step + start % step, head if head < step else head // shape[axis], token


def _resting(shape: tuple[int, ...], token: int, window: int) -> int | None:
    """The axis of a tensor along which tokens lie."""
    return next((a for a, n in enumerate(shape) if n == window and prod(shape[a + 1 :]) == token), None)
