"""Masks of attention: constants that keep some scores and push the others out of the softmax."""

from __future__ import annotations

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.frontends.onnx.importer import Constant, NodeImport
from edgeq.frontends.onnx.rows import converts
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
    """A mask: computed scores where a constant says so, elsewhere a number that no softmax sees."""
    keep = node.constant(0, "condition").astype(bool)
    scores_at = 1 if isinstance(node.tensor(2), Constant) else 2
    scores, fill = node.tensor(scores_at), node.constant(3 - scores_at, "other choice")
    if not isinstance(scores, Value) or not scores.type.dtype.is_float or fill.dtype.kind != "f":
        raise UnsupportedError("chooses between computed values")
    mask = np.where(keep if scores_at == 1 else ~keep, 0.0, finite_mask(fill))
    if not np.isin(mask, 0.0).any() or mask[mask != 0.0].max(initial=LOWEST) > MASKED:
        raise UnsupportedError("chooses constants that are no mask of attention")
    node.bind(0, node.emit("add", [scores, node.own("mask", mask)]))
