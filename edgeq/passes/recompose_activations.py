"""Activations that exporters spell out as a product: x * sigmoid(x), x * hard_sigmoid(x), x * tanh(softplus(x))."""

from __future__ import annotations

from math import isclose

from edgeq.ir.graph import Graph, Node
from edgeq.passes.rewrite import Uses, remove

NAMES = {"sigmoid": "silu", "tanh": "mish"}


def recompose_activations(graph: Graph) -> bool:
    """x * sigmoid(x) -> silu, x * hard_sigmoid(x; 1/6, 1/2) -> hard_swish, x * tanh(softplus(x)) -> mish.

    Real graphs. Returns whether any.
    """
    changed = False
    for node in list(graph.nodes):
        if node.op != "mul" or node.attrs["clamp_min"] is not None or node.attrs["clamp_max"] is not None:
            continue
        uses = Uses(graph)
        for gate_at in (0, 1):
            gate = uses.private_producer(node.input(gate_at), "sigmoid", "hard_sigmoid", "tanh")
            inner = None
            if gate is not None and gate.op == "tanh":
                inner = uses.private_producer(gate.input(0), "softplus")
                if inner is None:
                    continue
            x = None if gate is None else (inner or gate).input(0)
            whole = gate is not None and x is node.input(1 - gate_at) and node.output.type.dtype.is_float
            if gate is not None and whole and (name := _name(gate)):
                node.op, node.inputs, node.attrs = name, [x], {}
                for part in (gate, inner):
                    if part is not None:
                        remove(graph, part)
                changed = True
                break
    return changed


def _name(gate: Node) -> str | None:
    if gate.op in NAMES:
        return NAMES[gate.op]
    usual = isclose(gate.attrs["alpha"], 1 / 6, rel_tol=1e-4) and gate.attrs["beta"] == 0.5
    return "hard_swish" if usual else None
