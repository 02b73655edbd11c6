"""Transpositions of graph inputs and outputs become facts of the border: the caller's layout is noted, not computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgeq.ir.graph import Graph, Value
from edgeq.passes.rewrite import compose, inverse, remove


def _facts(graph: Graph, value: Value, is_output: bool) -> dict[str, object] | None:
    listed = graph.meta.get("outputs" if is_output else "inputs", {})
    found = listed.get(value.name)
    return found if isinstance(found, dict) else None


def _source_perm(facts: dict[str, object], value: Value) -> tuple[int, ...] | None:
    """How the file's layout became the value's; None where a reshape lies between."""
    source = facts.get("source_shape")
    if not isinstance(source, list) or len(source) != len(value.shape):
        return None
    perm = facts.get("perm")
    order = tuple(perm) if isinstance(perm, list) else tuple(range(len(source)))
    return order if tuple(source[p] for p in order) == value.shape else None


def can_absorb(graph: Graph, value: Value, perm: Sequence[int], *, is_output: bool = False) -> bool:
    """`value` is at the border and may be exchanged with the caller in another order of axes, batch first."""
    border = graph.outputs if is_output else graph.inputs
    if perm[0] != 0 or sum(v is value for v in border) != 1:
        return False
    facts = _facts(graph, value, is_output)
    return facts is not None and _source_perm(facts, value) is not None


def absorb_border_layout(graph: Graph) -> bool:
    """Inputs that are only read transposed, outputs that are transposed last. Returns whether any changed."""
    changed = False
    for value in list(graph.inputs):
        changed |= _absorb_input(graph, value)
    for value in list(graph.outputs):
        changed |= _absorb_output(graph, value)
    return changed


def _note(graph: Graph, value: Value, perm: Sequence[int], is_output: bool) -> None:
    facts = _facts(graph, value, is_output)
    assert facts is not None
    order = _source_perm(facts, value)
    assert order is not None
    whole = compose(order, perm)
    facts["perm"] = None if whole == tuple(range(len(whole))) else list(whole)
    origin = graph.meta.get("origin", {})
    if value.name in origin:
        tensor, first = origin[value.name]
        origin[value.name] = [tensor, list(compose(first or range(len(perm)), perm))]


def _absorb_input(graph: Graph, value: Value) -> bool:
    readers = graph.consumers(value)
    perms = {tuple(n.attrs["perm"]) if n.op == "transpose" else () for n in readers}
    if len(perms) != 1 or () in perms or graph.is_output(value):
        return False
    (perm,) = perms
    if not can_absorb(graph, value, perm):
        return False
    if any(graph.is_output(n.output) for n in readers):
        return False
    _note(graph, value, perm, False)
    value.type = replace(value.type, shape=tuple(value.shape[p] for p in perm))
    for node in readers:
        remove(graph, node)
        graph.replace_uses(node.output, value)
    return True


def _absorb_output(graph: Graph, value: Value) -> bool:
    node = graph.producer(value)
    if node is None or node.op != "transpose" or graph.consumers(value):
        return False
    source, back = node.input(0), inverse(node.attrs["perm"])
    maker = graph.producer(source)
    if maker is None or graph.is_output(source) or not can_absorb(graph, value, back, is_output=True):
        return False
    _note(graph, value, back, True)
    value.type = source.type
    remove(graph, node)
    maker.outputs = [value if o is source else o for o in maker.outputs]
    for reader in graph.nodes:
        reader.inputs = [value if i is source else i for i in reader.inputs]
    return True
