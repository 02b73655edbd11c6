"""Causal attention of the newest token: its queries against the keys and values that rings hold."""

from __future__ import annotations

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.attention import Attention, attend
from edgeq.ops.base import Params
from edgeq.ops.inferences import Operands, operand
from edgeq.ops.registry import register


@register
class AttentionRing(Attention):
    """`attention` of one query over as many of the first slots of rings as are full; inputs [q, k, v, position].

    k and v are rings (see the operator `ring`) of `keys` slots, of which the first position + 1 are read, and all from
    position `keys` - 1 on. Sums do not depend on the order of keys, so neither does the result on that of the slots.
    """

    name = "attention_ring"
    summary = "what `--stream` makes of causal `attention`: one token per call"

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        if node.attrs["queries"] != 1 or node.attrs["causal"] or node.input(3).shape != (1, 1):
            raise ValueError(f"{node.attrs['queries']} queries at a position of shape {list(node.input(3).shape)}")
        return super().infer(node)

    def _full(self, node: Node, inputs: Operands) -> list[int]:
        """How many slots each call reads."""
        return [min(int(p) + 1, node.attrs["keys"]) for p in operand(inputs, 3).reshape(-1)]

    def lower(self, node: Node) -> Params:
        return super().lower(Node(node.op, node.name, node.inputs[:3], node.outputs, node.attrs))

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        full = iter(self._full(node, inputs))

        def rows(q: Array, k: Array, v: Array) -> Array:
            seen = next(full)
            scores = q.astype(np.float64) @ k[..., :seen, :].astype(np.float64).swapaxes(-1, -2) * node.attrs["scale"]
            e = np.exp(scores - scores.max(axis=-1, keepdims=True))
            return np.asarray(e @ v[..., :seen, :].astype(np.float64) / e.sum(axis=-1, keepdims=True))

        return self._each(node, inputs, rows, np.float64)

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        full = iter(self._full(node, inputs))
        return self._each(node, inputs, lambda q, k, v: attend(node.params, q, k, v, next(full)), np.int8)
