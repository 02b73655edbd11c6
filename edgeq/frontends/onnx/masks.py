"""Choices by constants: masks of attention, which push scores out of the softmax, and all others."""

from __future__ import annotations

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.frontends.onnx.importer import Constant, NodeImport, same_rank
from edgeq.frontends.onnx.rows import converts
from edgeq.frontends.onnx.shapes import repeated
from edgeq.ir.graph import Value
from edgeq.ir.types import Array

LOWEST = float(np.finfo(np.float32).min)
MASKED = -1e4
"""No score that is added to so little takes part in a softmax; exporters write -inf or the lowest number there is."""


def finite_mask(addend: Array) -> Array:
    """An addend whose minus infinities are the lowest number."""
    return np.where(np.isneginf(addend), LOWEST, addend) if addend.dtype.kind == "f" else addend


@converts("Where")
def where(node: NodeImport) -> None:
    """By a constant: a mask where computed scores meet a number that no softmax sees; else a sum of two products.

    Where everything is chosen alike, the choice itself, repeated as the shapes want it.
    """
    keep = node.constant(0, "condition").astype(bool)
    if keep.all() or not keep.any():
        whole = np.broadcast_shapes(*(node.tensor(i).shape for i in range(3)))
        node.bind(0, repeated(node, node.real(1 if keep.all() else 2), whole))
        return
    scores_at = 1 if isinstance(node.tensor(2), Constant) else 2
    scores, other = node.tensor(scores_at), node.tensor(3 - scores_at)
    if not isinstance(scores, Value) or not scores.type.dtype.is_float:
        raise UnsupportedError("chooses between numbers that are not float")
    keep = keep if scores_at == 1 else ~keep
    if isinstance(other, Constant):
        fill = finite_mask(other.real.astype(np.float32))
        mask = np.where(keep, np.float32(0.0), fill)
        if (mask[np.broadcast_to(~keep, mask.shape)] <= MASKED).all():
            node.bind(0, node.emit("add", [scores, node.own("mask", mask)]))
            return
        rest = node.own("other", mask)
    else:
        rest = _where(node, node.real(3 - scores_at), ~keep)
    node.bind(0, node.emit("add", list(same_rank(node, [_where(node, scores, keep), rest]))))


def _where(node: NodeImport, x: Value, keep: Array) -> Value:
    """x where it is kept, else 0."""
    factors = node.own("kept", keep.astype(np.float32))
    return node.emit("mul", list(same_rank(node, [x, factors])))
