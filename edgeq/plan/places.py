"""Which values lie inside another, so that no code moves them.

Consecutive bytes of a tensor are a place in it, not a copy: a `slice` of whole rows. Tensors joined end to end are
written where they belong in the first place: a `concat` along the outermost axis. Both only at whole words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod

from edgeq.ir.graph import Graph, Node, Value
from edgeq.ops.registry import operator

TENSOR_ALIGN = 4
"""Every tensor starts on a word, so that kernels may read words."""

Place = tuple[int, int]
"""(id of the value inside which a value lies, bytes from its start)."""


def moves_nothing(graph: Graph) -> set[int]:
    """`id(node)` of the slices and concats of a lowered graph that need no kernel, because their values are places."""
    joins: set[int] = set()
    parts: set[int] = set()
    makers = {id(v): n for n in graph.nodes for v in n.outputs}
    for node in graph.nodes:
        if node.op == "concat" and _joins_in_place(graph, node, makers, parts):
            joins.add(id(node))
            parts.update(id(v) for v in node.inputs)
    cuts = {
        id(n)
        for n in graph.nodes
        if n.op == "slice"
        and id(n.output) not in parts
        and not graph.is_output(n.output)
        and _cut_offset(n) is not None
    }
    return joins | cuts


def places(graph: Graph, still: Mapping[int, Node]) -> dict[int, Place]:
    """Where values lie by `id(value)`, if inside another. still: by id, the nodes that move nothing."""
    inside: dict[int, Place] = {}
    for node in graph.nodes:
        if node.op == "concat" and id(node) in still:
            inside.update({id(v): (id(node.output), offset) for v, offset in _joined(node)})
        elif id(node) in still:
            offset = _cut_offset(node) if node.op == "slice" else 0
            inside[id(node.output)] = id(node.input(0)), offset or 0
    return inside


def read_of(node: Node, value: Value) -> tuple[int, int]:
    """(first, bytes) of what a node reads of an input: of all but a `slice` of adjoining bytes, everything."""
    start = _cut_offset(node) if node.op == "slice" else None
    return (0, value.type.bytes) if start is None else (start, node.output.type.bytes)


def _joins_in_place(graph: Graph, node: Node, makers: Mapping[int, Node], taken: set[int]) -> bool:
    """Whether every input can be written at its place in the output: computed by a kernel, and not bound elsewhere."""
    axis = int(node.attrs["axis"]) % len(node.output.shape)
    if prod(node.output.shape[:axis]) != 1 or len({id(v) for v in node.inputs}) < len(node.inputs):
        return False
    for value, offset in _joined(node):
        maker = makers.get(id(value))
        if maker is None or operator(maker.op).is_view or maker.op == "concat" or operator(maker.op).keeps_state:
            return False
        if id(value) in taken or graph.is_output(value) or offset % TENSOR_ALIGN:
            return False
    return True


def _joined(node: Node) -> list[tuple[Value, int]]:
    """The inputs of a concat along its outermost axis and where they start in the output."""
    found, offset = [], 0
    for index in range(len(node.inputs)):
        value = node.input(index)
        found.append((value, offset))
        offset += value.type.bytes
    return found


def _cut_offset(node: Node) -> int | None:
    """Bytes before a slice in its input; None where it is not a whole number of words, or bytes that do not adjoin."""
    source, attrs = node.input(0), node.attrs
    if source.is_constant or any(s != 1 for s in attrs["strides"]):
        return None
    partial = [a for a, (n, m) in enumerate(zip(node.output.shape, source.shape, strict=True)) if n != m]
    outermost = partial[-1] if partial else 0
    if prod(node.output.shape[:outermost]) != 1 or (source.type.packed and outermost == len(source.shape) - 1):
        return None
    offset = 0
    for axis, first in enumerate(attrs["begin"]):
        inner = replace(source.type, shape=(1,) * (axis + 1) + source.shape[axis + 1 :])
        offset += first * inner.bytes
    return None if offset % TENSOR_ALIGN else offset
