"""Gives values the names of the tensors they stand for, and forgets tensors that are gone."""

from __future__ import annotations

from edgeq.ir.graph import Graph


def tidy_origin(graph: Graph) -> None:
    """Keeps `meta["origin"]` to what the graph still holds; a turned value takes over its tensor's free name.

    Inputs and outputs keep their names: users know them.
    """
    origin = graph.meta.get("origin")
    if origin is None:
        return
    taken = {v.name for v in graph.values()}
    border = {id(v) for v in (*graph.inputs, *graph.outputs)}
    kept: dict[str, object] = {}
    for value in graph.values():
        found = origin.get(value.name)
        if found is None or value.is_constant:
            continue
        tensor = found[0] if isinstance(found, list) else None  # TFLite's are numbers
        if tensor is not None and tensor not in taken and id(value) not in border:
            taken.discard(value.name)
            value.name = tensor
            taken.add(tensor)
        kept[value.name] = found
    graph.meta["origin"] = kept
