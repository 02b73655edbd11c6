"""Removes nodes that hand on their input unchanged."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgeq.ir.graph import Graph, Node, Value
from edgeq.passes.rewrite import Uses, bypass, remove


def _neutral(value: Value | None, number: float) -> bool:
    return (
        value is not None and value.is_constant and value.type.dtype.is_float and bool(np.all(value.constant == number))
    )


def _unclamped(node: Node) -> bool:
    return node.attrs["clamp_min"] is None and node.attrs["clamp_max"] is None


IDENTITIES: dict[str, Callable[[Node], bool]] = {
    "reshape": lambda n: True,
    "transpose": lambda n: tuple(n.attrs["perm"]) == tuple(range(len(n.attrs["perm"]))),
    "pad": lambda n: True,
    "slice": lambda n: all(s > 0 for s in n.attrs["strides"]),
    "concat": lambda n: len(n.inputs) == 1,
    "clip": _unclamped,
    "requantize": lambda n: True,
    "mul": lambda n: _unclamped(n) and _neutral(n.optional(1), 1.0),
    "add": lambda n: _unclamped(n) and _neutral(n.optional(1), 0.0),
    "sub": lambda n: _unclamped(n) and _neutral(n.optional(1), 0.0),
    "max_pool2d": lambda n: _unclamped(n) and set(n.attrs["kernel"]) == set(n.attrs["strides"]) == {1},
    "avg_pool2d": lambda n: _unclamped(n) and set(n.attrs["kernel"]) == set(n.attrs["strides"]) == {1},
}
"""Operator -> is it an identity, given that its output has the shape and type of its input?"""


def remove_identity(graph: Graph) -> bool:
    """Returns whether a node went. Where the graph's input would become its output, the node stays."""
    changed = False
    for node in list(graph.nodes):
        rule = IDENTITIES.get(node.op)
        if rule and node.input(0).type == node.output.type and not node.input(0).is_constant and rule(node):
            changed |= bypass(graph, node)
    return _remove_round_trips(graph) or changed


def _remove_round_trips(graph: Graph) -> bool:
    """quantize(dequantize(x)) with the same quantization is x."""
    changed = False
    for node in list(graph.nodes):
        if node.op != "quantize":
            continue
        back = Uses(graph).producer(node.input(0))
        if back is not None and back.op == "dequantize" and back.input(0).type == node.output.type:
            x, y = back.input(0), node.output
            if graph.is_output(y):
                continue
            remove(graph, node)
            graph.replace_uses(y, x)
            changed = True
    if changed:
        graph.remove_dead()
    return changed
