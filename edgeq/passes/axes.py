"""How operators that treat all axes alike change when the axes of their operands are reordered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgeq.ir.graph import Node, Value
from edgeq.ir.types import Array, Quantization
from edgeq.passes.sink_reshapes import is_elementwise

Attrs = dict[str, Any]
Perm = Sequence[int]


def _softmax(node: Node, perm: Perm) -> Attrs | None:
    rank = len(perm)
    moved = perm.index(node.attrs["axis"] % rank)
    return {**node.attrs, "axis": moved} if moved == rank - 1 else None


def _keeping_axis(node: Node, perm: Perm) -> Attrs | None:
    if not node.attrs.get("keepdims", True):
        return None
    return {**node.attrs, "axis": perm.index(node.attrs["axis"] % len(perm))}


def _mean(node: Node, perm: Perm) -> Attrs | None:
    if not node.attrs["keepdims"]:
        return None
    rank = len(perm)
    return {**node.attrs, "axes": tuple(sorted(perm.index(a % rank) for a in node.attrs["axes"]))}


def _each(*names: str) -> Callable[[Node, Perm], Attrs]:
    return lambda node, perm: {**node.attrs, **{n: tuple(node.attrs[n][p] for p in perm) for n in names}}


RULES: dict[str, Callable[[Node, Perm], Attrs | None]] = {
    "add": lambda node, perm: node.attrs,
    "sub": lambda node, perm: node.attrs,
    "mul": lambda node, perm: node.attrs,
    "div": lambda node, perm: node.attrs,
    "concat": _keeping_axis,
    "argmax": _keeping_axis,
    "softmax": _softmax,
    "mean": _mean,
    "pad": _each("pads"),
    "slice": _each("begin", "end", "strides"),
}
"""Operator -> its attributes when axis i of all operands and results is the former axis perm[i]; None: cannot."""


def is_agnostic(node: Node) -> bool:
    """The operator works in any order of axes, given operands of one rank."""
    if node.op not in RULES and not is_elementwise(node):
        return False
    rank = len(node.output.shape)
    return rank > 0 and all(len(i.shape) == rank for i in node.inputs if i is not None and not i.is_constant)


def permuted_attrs(node: Node, perm: Perm) -> Attrs | None:
    """The attributes under another order of axes, None where the operator does not allow that order."""
    rule = RULES.get(node.op)
    return node.attrs if rule is None else rule(node, perm)


def permuted_constant(value: Value, perm: Perm) -> tuple[Array, Quantization | None] | None:
    """Data (and quantization) of a constant operand under another order of axes; None where it cannot follow."""
    data, quantization = value.constant, value.type.quantization
    if data.size == 1:
        return data.reshape(()) if quantization is None or quantization.is_per_tensor else data, quantization
    if data.ndim > len(perm) or (quantization is not None and not quantization.is_per_tensor):
        return None
    wide = data.reshape((1,) * (len(perm) - data.ndim) + data.shape)
    moved = np.transpose(wide, perm)
    lead = next((a for a, d in enumerate(moved.shape) if d != 1), moved.ndim - 1)
    # Leading ones say nothing; without them a vector per channel is seen as one. Axes of a concat stay.
    return (moved.reshape(moved.shape[lead:]) if data.ndim < len(perm) or lead else moved), quantization
