"""Activations that exporters spell out as a product: x * sigmoid(x), x * hard_sigmoid(x)."""

from __future__ import annotations

from math import isclose

from edgeq.ir.graph import Graph, Node
from edgeq.passes.rewrite import Uses, remove


def recompose_activations(graph: Graph) -> bool:
    """x * sigmoid(x) -> silu, x * hard_sigmoid(x; 1/6, 1/2) -> hard_swish. Real graphs. Returns whether any."""
    changed = False
    for node in list(graph.nodes):
        if node.op != "mul" or node.attrs["clamp_min"] is not None or node.attrs["clamp_max"] is not None:
            continue
        uses = Uses(graph)
        for gate_at in (0, 1):
            gate = uses.private_producer(node.input(gate_at), "sigmoid", "hard_sigmoid")
            whole = gate is not None and gate.input(0) is node.input(1 - gate_at) and node.output.type.dtype.is_float
            if gate is not None and whole and (name := _name(gate)):
                node.op, node.inputs, node.attrs = name, [gate.input(0)], {}
                remove(graph, gate)
                changed = True
                break
    return changed


def _name(gate: Node) -> str | None:
    if gate.op == "sigmoid":
        return "silu"
    usual = isclose(gate.attrs["alpha"], 1 / 6, rel_tol=1e-4) and gate.attrs["beta"] == 0.5
    return "hard_swish" if usual else None
