"""Means, sums and the position of the maximum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.frontends.onnx.importer import NodeImport
from edgeq.frontends.onnx.rows import converts
from edgeq.ir.graph import Value
from edgeq.ir.types import DType, TensorType


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise UnsupportedError(f"axis {axis} of a tensor with {rank} axes")
    return axis % rank


def summed(node: NodeImport, x: Value, axes: tuple[int, ...]) -> Value:
    """The sum over axes, which stay as 1: so many means."""
    mean = node.emit("mean", [x], {"axes": axes, "keepdims": True})
    count = np.float32(x.type.elements // mean.type.elements).reshape(())
    return mean if count == 1 else node.emit("mul", [mean, node.own("count", count)])


@converts("ReduceMean", "ReduceSum", "ReduceL2")
def reduce_mean(node: NodeImport) -> None:
    """Axes are an input since opset 18; of ReduceSum since 13. ReduceL2: the root of the sum of squares."""
    x = node.real(0)
    rank = len(x.shape)
    as_input = node.opset >= (13 if node.op == "ReduceSum" else 18)
    given = node.integers(1, "axes") if as_input and node.has(1) else None
    axes = given if as_input else node.attrs.ints("axes")
    keep = bool(node.attrs.integer("keepdims", 1))
    noop = bool(node.attrs.integer("noop_with_empty_axes", 0))
    if not axes and noop:
        node.bind(0, x)
        return
    chosen = tuple(sorted({_axis(a, rank) for a in axes or range(rank)}))
    if node.op == "ReduceMean":
        y = node.emit("mean", [x], {"axes": chosen, "keepdims": True})
    elif node.op == "ReduceSum":
        y = summed(node, x, chosen)
    else:
        squares = node.emit("power", [x], {"exponent": 2.0})
        y = node.emit("power", [summed(node, squares, chosen)], {"exponent": 0.5})
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
