"""Means and the position of the maximum."""

from __future__ import annotations

from dataclasses import replace

from edgeq.errors import UnsupportedError
from edgeq.frontends.onnx.importer import NodeImport
from edgeq.frontends.onnx.rows import converts
from edgeq.ir.types import DType, TensorType


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise UnsupportedError(f"axis {axis} of a tensor with {rank} axes")
    return axis % rank


@converts("ReduceMean")
def reduce_mean(node: NodeImport) -> None:
    x = node.real(0)
    rank = len(x.shape)
    given = node.integers(1, "axes") if node.opset >= 18 and node.has(1) else None
    axes = node.attrs.ints("axes") if node.opset < 18 else given
    keep = bool(node.attrs.integer("keepdims", 1))
    noop = bool(node.attrs.integer("noop_with_empty_axes", 0))
    if not axes and noop:
        node.bind(0, x)
        return
    chosen = tuple(sorted({_axis(a, rank) for a in axes or range(rank)}))
    y = node.emit("mean", [x], {"axes": chosen, "keepdims": True})
    node.bind(0, y if keep else node.reshape(y, [d for a, d in enumerate(x.shape) if a not in chosen]))


@converts("ArgMax")
def argmax(node: NodeImport) -> None:
    x = node.value(0)
    axis = _axis(node.attrs.integer("axis", 0), len(x.shape))
    if node.attrs.integer("select_last_index", 0):
        raise UnsupportedError("select_last_index is not supported")
    keep = bool(node.attrs.integer("keepdims", 1))
    kind = replace(x.type, dtype=DType.INT32, quantization=None)
    y = node.emit("argmax", [x], {"axis": axis, "keepdims": True}, like=TensorType(x.shape, kind.dtype))
    node.bind(0, y if keep else node.reshape(y, [d for a, d in enumerate(x.shape) if a != axis]))
