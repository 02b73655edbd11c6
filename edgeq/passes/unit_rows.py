"""Rows of length one, x / max(|x|, tiny), as RMSNorm: PyTorch's `normalize`, the last step of many embeddings."""

from __future__ import annotations

from math import sqrt

import numpy as np

from edgeq.ir.graph import Graph, Node, Value
from edgeq.passes.rewrite import Uses, is_plain, is_real, new_constant, value_and_number

TINY = 1e-6
"""The largest bound under a length that changes no row but one of zeros."""


def unit_rows(graph: Graph) -> bool:
    """Real graphs. Returns whether any was found."""
    changed = False
    for node in list(graph.nodes):
        if is_plain(node, "div") and is_real(*node.outputs):
            changed |= _unit(graph, node)
    if changed:
        graph.remove_dead()
    return changed


def _unit(graph: Graph, node: Node) -> bool:
    uses, x = Uses(graph), node.input(0)
    columns = x.shape[-1]
    if x.is_constant or not _is_length(uses, _unrepeated(uses, node.input(1)), x):
        return False
    gain = new_constant(graph, f"{node.name}.gain", np.full(columns, 1 / sqrt(columns), np.float32))
    offset = new_constant(graph, f"{node.name}.offset", np.zeros(columns, np.float32))
    node.op, node.inputs, node.attrs = "layer_norm", [x, gain, offset], {"epsilon": 0.0, "centred": False}
    return True


def _unrepeated(uses: Uses, value: Value) -> Value:
    """What copies along the last axis are made of, behind a lower bound that no row but one of zeros meets."""
    copies = uses.private_producer(value, "concat")
    if copies is not None and all(v is copies.inputs[0] for v in copies.inputs) and copies.input(0).shape[-1] == 1:
        value = copies.input(0)
    bound = uses.private_producer(value, "clip")
    if bound is not None and bound.attrs["clamp_max"] is None and 0 <= (bound.attrs["clamp_min"] or 0) <= TINY:
        value = bound.input(0)
    return value


def _is_length(uses: Uses, value: Value, x: Value) -> bool:
    """Whether the value is the root of the sum of the squares of x over the last axis, which stays as 1."""
    root = uses.private_producer(value, "power")
    total = None if root is None or root.attrs["exponent"] != 0.5 else uses.private_producer(root.input(0), "mul")
    count = value_and_number(total) if total is not None and is_plain(total, "mul") else None
    mean = None if count is None or count[1] != x.shape[-1] else uses.private_producer(count[0], "mean")
    square = None if mean is None else uses.private_producer(mean.input(0), "power")
    rank = len(x.shape)
    over_last = mean is not None and mean.attrs["keepdims"] and {a % rank for a in mean.attrs["axes"]} == {rank - 1}
    return bool(over_last and square is not None and square.attrs["exponent"] == 2.0 and square.input(0) is x)
