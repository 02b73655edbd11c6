"""Functions of one element, and softmax."""

from __future__ import annotations

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.frontends.onnx.importer import NodeImport
from edgeq.frontends.onnx.rows import converts
from edgeq.ir.graph import Value

PLAIN = {
    "Abs": "abs",
    "Exp": "exp",
    "HardSwish": "hard_swish",
    "Mish": "mish",
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Softplus": "softplus",
    "Tanh": "tanh",
}


@converts(*PLAIN)
def plain(node: NodeImport) -> None:
    node.bind(0, node.emit(PLAIN[node.op], [node.real(0)]))


@converts("LeakyRelu")
def leaky_relu(node: NodeImport) -> None:
    node.bind(0, node.emit("leaky_relu", [node.real(0)], {"alpha": node.attrs.real("alpha", 0.01)}))


@converts("Elu")
def elu(node: NodeImport) -> None:
    node.bind(0, node.emit("elu", [node.real(0)], {"alpha": node.attrs.real("alpha", 1.0)}))


@converts("HardSigmoid")
def hard_sigmoid(node: NodeImport) -> None:
    attrs = {"alpha": node.attrs.real("alpha", 0.2), "beta": node.attrs.real("beta", 0.5)}
    node.bind(0, node.emit("hard_sigmoid", [node.real(0)], attrs))


@converts("Gelu")
@converts("Gelu", domain="com.microsoft")
def gelu(node: NodeImport) -> None:
    how = node.attrs.string("approximate", "none")
    if how not in ("none", "tanh"):
        raise UnsupportedError(f"attribute 'approximate' is {how!r}")
    node.bind(0, node.emit("gelu", [node.real(0)], {"approximate": how == "tanh"}))


@converts("PRelu")
def prelu(node: NodeImport) -> None:
    """Only with one slope for all elements, which is a leaky_relu."""
    slopes = np.unique(node.constant(1, "slope"))
    if slopes.size != 1 or not np.isfinite(slopes).all():
        raise UnsupportedError("has several slopes; only one for all channels is supported", hint="use LeakyReLU")
    node.bind(0, node.emit("leaky_relu", [node.real(0)], {"alpha": float(slopes[0])}))


def bound(value: float) -> float | None:
    """A clamp bound; None where it cannot bind."""
    if np.isnan(value):
        raise UnsupportedError("a bound is NaN")
    return None if abs(value) >= float(np.finfo(np.float32).max) else value


@converts("Clip")
def clip(node: NodeImport) -> None:
    x = node.real(0)
    if node.opset < 11:
        low, high = node.attrs.real("min", -np.inf), node.attrs.real("max", np.inf)
    else:
        low = node.scalar(1, "minimum") if node.has(1) else -np.inf
        high = node.scalar(2, "maximum") if node.has(2) else np.inf
    if low > high:
        low = high  # what ONNX states for crossed bounds: every element becomes the maximum
    if np.isposinf(low) or np.isneginf(high):
        raise UnsupportedError(f"bounds {low} and {high} leave no number")
    if (low, high) == (0.0, 6.0):
        node.bind(0, node.emit("relu6", [x]))
    else:
        node.bind(0, node.emit("clip", [x], {"clamp_min": bound(low), "clamp_max": bound(high)}))


@converts("Softmax")
def softmax(node: NodeImport) -> None:
    """Before opset 13 all axes from `axis` on form one row; since then only `axis` does."""
    x = node.real(0)
    rank = len(x.shape)
    old = node.opset < 13
    axis = node.attrs.integer("axis", 1 if old else -1)
    if not -rank <= axis < rank or rank == 0:
        raise UnsupportedError(f"axis {axis} of a tensor with {rank} axes")
    axis %= rank
    if old:
        node.bind(0, _flat_softmax(node, x, axis))
        return
    last = (*range(axis), *range(axis + 1, rank), axis)
    y = node.emit("softmax", [node.transpose(x, last)], {"axis": rank - 1})
    node.bind(0, node.transpose(y, tuple(int(i) for i in np.argsort(last))))


def _flat_softmax(node: NodeImport, x: Value, axis: int) -> Value:
    rows, length = x.shape[:axis], int(np.prod(x.shape[axis:]))
    flat = node.reshape(x, (*rows, length)) if rows else node.reshape(x, (1, length))
    y = node.emit("softmax", [flat], {"axis": len(flat.shape) - 1})
    return node.reshape(y, x.shape)
