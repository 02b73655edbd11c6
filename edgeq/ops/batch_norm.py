"""Batch normalization in its inference form: one factor and one offset per channel. Exists only in real graphs."""

from __future__ import annotations

from collections.abc import Sequence

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.base import Operator
from edgeq.ops.registry import register


@register
class BatchNorm(Operator):
    """y[..., c] = x[..., c] * scale[c] + offset[c]; a pass folds it away or turns it into mul and add."""

    name = "batch_norm"
    summary = "BatchNormalization (folded into its neighbours)"
    lowers_to_integers = False

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        x, scale, offset = (node.input(i).shape for i in range(3))
        if not x or scale != (x[-1],) or offset != (x[-1],):
            raise ValueError(f"input {list(x)} needs one scale and one offset per channel, not {scale} and {offset}")
        return [x]

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        x, scale, offset = inputs
        assert x is not None and scale is not None and offset is not None
        return [x * scale + offset]
