"""What `--stream` makes of operators that only move frames or join them: the same on fewer frames."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from edgeq.ir.graph import Node
from edgeq.ops.inferences import normal_axis

if TYPE_CHECKING:
    from edgeq.passes.stream import Frames, Streaming


def resized(shape: tuple[int, ...], axis: int, size: int) -> tuple[int, ...]:
    """The shape with another size of one axis."""
    return (*shape[:axis], size, *shape[axis + 1 :])


def joined(streaming: Streaming, node: Node) -> Frames | None:
    """Concatenation along another axis than time."""
    parts = [streaming.frames_of(v) for v in node.inputs if v is not None]
    lead = next(p for p in parts if p is not None and not p.whole)
    axis = normal_axis(node.attrs["axis"], len(node.output.shape))
    if axis == lead.axis or any(p is None or p.whole or (p.axis, p.count) != (lead.axis, lead.count) for p in parts):
        return None
    made = streaming.make(node, [p.value for p in parts if p is not None], node.attrs)
    return streaming.frames_at(made, lead.axis, lead.count)


def padded(streaming: Streaming, node: Node) -> Frames | None:
    known = streaming.frames_of(node.input(0))
    assert known is not None
    if any(node.attrs["pads"][known.axis]):
        return None
    return streaming.frames_at(streaming.make(node, [known.value], node.attrs), known.axis, known.count)


def sliced(streaming: Streaming, node: Node) -> Frames | None:
    """A part in time is an older part of the stream; what is left out at the front is simply not read."""
    x, a = node.input(0), node.attrs
    known = streaming.frames_of(x)
    assert known is not None
    axis, total = known.axis, x.shape[known.axis]
    if a["strides"][axis] != 1 or known.count > a["end"][axis] - a["begin"][axis]:
        return None
    late = total - a["end"][axis]
    part = streaming.cut(streaming.line(x, known.count + late), axis, 0, known.count)
    begin, end = list(a["begin"]), list(a["end"])
    begin[axis], end[axis] = 0, known.count
    if tuple(end) != part.shape or any(begin):
        part = streaming.make(node, [part], {**a, "begin": tuple(begin), "end": tuple(end)})
    return streaming.frames_at(part, axis, known.count)


def reshaped(streaming: Streaming, node: Node) -> Frames | None:
    """Another shape of every frame."""
    known = streaming.frames_of(node.input(0))
    assert known is not None
    shape, total = node.output.shape, node.input(0).shape[known.axis]
    for axis in range(1, len(shape)):
        if shape[axis] == total and prod(shape[:axis]) == 1:
            made = streaming.make(node, [known.value], {"shape": resized(shape, axis, known.count)})
            return streaming.frames_at(made, axis, known.count)
    return None


def transposed(streaming: Streaming, node: Node) -> Frames | None:
    known = streaming.frames_of(node.input(0))
    assert known is not None
    axis = tuple(node.attrs["perm"]).index(known.axis)
    if axis == 0 or prod(node.output.shape[:axis]) != 1:
        return None
    return streaming.frames_at(streaming.make(node, [known.value], node.attrs), axis, known.count)


def averaged(streaming: Streaming, node: Node) -> Frames | None:
    known = streaming.frames_of(node.input(0))
    assert known is not None
    axes = {normal_axis(a, len(node.input(0).shape)) for a in node.attrs["axes"]}
    if known.axis in axes or 0 in axes:
        return None
    axis = known.axis if node.attrs["keepdims"] else known.axis - sum(a < known.axis for a in axes)
    return streaming.frames_at(streaming.make(node, [known.value], node.attrs), axis, known.count)
