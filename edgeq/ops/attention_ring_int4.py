"""Causal attention of the newest token over rings in four bits."""

from __future__ import annotations

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.attention import attend, attention_params
from edgeq.ops.attention_ring import AttentionRing
from edgeq.ops.base import Params
from edgeq.ops.inferences import Operands
from edgeq.ops.registry import register
from edgeq.ops.ring_int4 import code_bytes, decode

MOST_SIZE = 1024
"""Of a head: scores fit 32 bits."""
SPREAD = 8 / 7
"""Rounding to four bits makes numbers greater by less than this."""


@register
class AttentionRingInt4(AttentionRing):
    """`attention_ring` over rings of codes (see the operator `ring_int4`); the views of k and v count bytes."""

    name = "attention_ring_int4"
    summary = "`attention_ring` over rings in four bits (`--ring int4`)"

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        a = node.attrs
        if a["depth"] % 2 or a["columns"] % 2 or max(a["depth"], a["columns"]) > MOST_SIZE:
            raise ValueError(f"heads of {a['depth']} and {a['columns']}; even numbers to {MOST_SIZE} are supported")
        return super().infer(node)

    def _extents(self, node: Node, index: int) -> tuple[int, int, int, int]:
        batches, heads, tokens, size = super()._extents(node, index)
        return batches, heads, tokens, code_bytes(size) if index else size

    def lower(self, node: Node) -> Params:
        """Decoded keys and values have zero point 0, and may be a little beyond the range of int8."""
        a = node.attrs
        q, k, v = (node.input(i).quantization for i in range(3))
        keys = int(np.ceil(a["keys"] * SPREAD))
        chosen = {"scale": a["scale"], "keys": keys, "depth": a["depth"], "log2": a["log2"]}
        made = attention_params(q, k, v, node.output.quantization, **chosen, where=node.name)
        return {**super().lower(node), **made, "v_zero_point": 0}

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        raise NotImplementedError("codes of four bits are integers; they stand in no graph of reals")

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        full = iter(self._full(node, inputs))

        def rows(q: Array, k: Array, v: Array) -> Array:
            return attend(node.params, q, decode(k), decode(v), next(full))

        return self._each(node, inputs, rows, np.int8)
