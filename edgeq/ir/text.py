"""A readable text form of a graph, for tests, errors and `inspect`."""

from __future__ import annotations

from edgeq.ir.graph import Graph, Node, Value


def _value(value: Value | None) -> str:
    if value is None:
        return "-"
    return f"${value.name}" if value.is_constant else f"%{value.name}"


def node_text(node: Node) -> str:
    """`%out: type = op(%in, $weights) {attr=...}` on one line."""
    outputs = ", ".join(f"%{o.name}: {o.type}" for o in node.outputs)
    inputs = ", ".join(_value(i) for i in node.inputs)
    attrs = ", ".join(f"{key}={value}" for key, value in sorted(node.attrs.items()))
    return f"{outputs} = {node.op}({inputs})" + (f" {{{attrs}}}" if attrs else "")


def graph_text(graph: Graph) -> str:
    """One line per input, node and output; constants by name only."""
    lines = [f"graph {graph.name}"]
    lines += [f"  input %{v.name}: {v.type}" for v in graph.inputs]
    lines += [f"  {node_text(n)}" for n in graph.nodes]
    lines += [f"  output {_value(v)}" for v in graph.outputs]
    return "\n".join(lines) + "\n"
