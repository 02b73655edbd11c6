"""Lowered attention nodes over random layouts of their tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeq.ir.graph import Node
from tests.unit.quantized_nodes import Numbers, lowered, tensor

VARIED: Numbers = (0.05, -7)


def attention_node(
    batches: int,
    heads: int,
    kv_heads: int,
    queries: int,
    keys: int,
    depth: int,
    columns: int,
    *,
    rng: np.random.Generator | None = None,
    packed: bool = False,
    planes: bool = False,
    **attrs: Any,
) -> Node:
    """Attention over tensors of rows of tokens, as dense layers give them; planes: [batches, heads, tokens, elements].

    packed: q, k and v are parts of one tensor's rows. rng: scales and zero points; without, those that do not matter.
    """

    def numbers() -> Numbers:
        return VARIED if rng is None else (float(np.exp(rng.uniform(-4, 0))), int(rng.integers(-128, 128)))

    widths = [heads * depth, kv_heads * depth, kv_heads * columns]
    tokens, each = [queries, keys, keys], [depth, depth, columns]
    if packed:
        whole = sum(widths)
        shared = tensor((batches, keys, whole), numbers())
        inputs = [shared] * 3
        views = [(sum(widths[:i]), keys * whole, each[i], whole) for i in range(3)]
    elif planes:
        counts = [heads, kv_heads, kv_heads]
        inputs = [tensor((batches, counts[i], tokens[i], each[i]), numbers()) for i in range(3)]
        views = [(0, widths[i] * tokens[i], tokens[i] * each[i], each[i]) for i in range(3)]
    else:
        inputs = [tensor((batches, tokens[i], widths[i]), numbers()) for i in range(3)]
        views = [(0, tokens[i] * widths[i], each[i], widths[i]) for i in range(3)]
    return lowered(
        "attention",
        inputs,
        numbers() if rng is None else (inputs[2].scale * float(rng.uniform(0.2, 1.5)), int(rng.integers(-128, 128))),
        batches=batches,
        heads=heads,
        kv_heads=kv_heads,
        queries=queries,
        keys=keys,
        depth=depth,
        columns=columns,
        q_view=views[0],
        k_view=views[1],
        v_view=views[2],
        y_view=(queries * heads * columns, columns, heads * columns),
        shape=(batches, queries, heads * columns),
        **attrs,
    )
