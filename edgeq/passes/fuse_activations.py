"""Clamping activations become the clamp of the operator before them."""

from __future__ import annotations

from edgeq.ir.graph import Graph, Node
from edgeq.ops.registry import operator
from edgeq.passes.rewrite import Uses, take_over

Bounds = tuple[float | None, float | None]


def clamp_of(node: Node) -> Bounds | None:
    """The bounds of a clamping activation, None for any other node."""
    if node.op == "relu":
        return 0.0, None
    if node.op == "relu6":
        return 0.0, 6.0
    if node.op == "clip":
        return node.attrs["clamp_min"], node.attrs["clamp_max"]
    return None


def clamp_twice(first: Bounds, second: Bounds) -> Bounds:
    """The bounds of clamping by `first`, then by `second`."""

    def then(value: float | None, missing: float) -> float | None:
        x = missing if value is None else value
        low, high = second
        x = x if low is None else max(x, low)
        x = x if high is None else min(x, high)
        return None if abs(x) == float("inf") else x

    return then(first[0], float("-inf")), then(first[1], float("inf"))


def fuse_activations(graph: Graph) -> bool:
    """Real graphs; quantized ones where both results have one quantization. Returns whether any was fused."""
    changed = False
    while _step(graph):
        changed = True
    return changed


def _step(graph: Graph) -> bool:
    uses = Uses(graph)
    for node in graph.nodes:
        bounds = clamp_of(node)
        before = uses.producer(node.input(0)) if bounds is not None else None
        if bounds is None or before is None or uses.only_reader(node.input(0)) is None:
            continue
        if before.output.type != node.output.type:
            continue
        if clamp_of(before) is not None:
            merged = clamp_twice(clamp_of(before) or (None, None), bounds)
            before.op, before.attrs = "clip", {"clamp_min": merged[0], "clamp_max": merged[1]}
        elif "clamp_min" in operator(before.op).attributes:
            merged = clamp_twice((before.attrs["clamp_min"], before.attrs["clamp_max"]), bounds)
            before.attrs = {**before.attrs, "clamp_min": merged[0], "clamp_max": merged[1]}
        else:
            continue
        take_over(graph, before, node)
        return True
    return False
