"""Reorders the axes of whole regions of operators that do not care, wherever that leaves fewer transposed elements.

A region is a set of connected axis-agnostic nodes. Exporters surround each with transpositions to and from their own
layout; running the region in the layout of its neighbours cancels these. A region is flipped only if the elements moved
by transpositions become fewer, or as many but later in the graph, so that repeated flipping ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeq.ir.graph import Graph, Node, Value
from edgeq.passes.axes import is_agnostic, permuted_attrs, permuted_constant
from edgeq.passes.border_layout import absorb_border_layout, can_absorb
from edgeq.passes.compose_transposes import compose_transposes
from edgeq.passes.merge_duplicates import merge_duplicates
from edgeq.passes.rewrite import Uses, compose, insert_before, inverse, keeps_order, new_constant, new_node

Perm = tuple[int, ...]

LIMIT = 4
"""Flips per node: far more than any network needs; a graph is right after every one, so that stopping is safe."""


@dataclass
class Region:
    """Connected agnostic nodes in execution order, all values of one rank."""

    nodes: list[Node]

    def __post_init__(self) -> None:
        self.members = {id(n) for n in self.nodes}
        self.made = {id(n.output) for n in self.nodes}
        operands = {id(i): i for n in self.nodes for i in n.inputs if i is not None and not i.is_constant}
        self.inputs = [v for key, v in operands.items() if key not in self.made]
        self.results = [n.output for n in self.nodes]

    def reads(self, value: Value) -> bool:
        return any(v is value for v in self.inputs)


def flip_regions(graph: Graph) -> bool:
    """Returns whether a region was flipped."""
    changed = False
    moved = transposed_elements(graph)
    for _ in range(LIMIT * len(graph.nodes)):
        step = _flip_one(graph)
        if step is None:
            break
        before, moved = moved, transposed_elements(graph)
        if step == "gain" and moved >= before:
            break  # the gain was misjudged: stop, lest the next flip undoes this one for ever
        changed = True
    return changed


def transposed_elements(graph: Graph) -> int:
    """How many elements all transpositions of the graph move."""
    return sum(
        _moved(n.attrs["perm"], n.input(0).shape, n.output.type.elements) for n in graph.nodes if n.op == "transpose"
    )


def _flip_one(graph: Graph) -> str | None:
    """Flips the first region worth it: "gain" or "sink"; None where there is none."""
    uses = Uses(graph)
    if not any(n.op == "transpose" for n in graph.nodes):
        return None
    for region in _regions(graph, uses):
        for perm in _candidates(region, uses):
            gain = _gain(graph, region, uses, perm)
            if (gain > 0 or (gain == 0 and _sinks(region, uses, perm))) and _is_legal(region, perm):
                _flip(graph, region, perm)
                graph.remove_dead()
                # The gain counts on these, so they come before the next region is weighed.
                compose_transposes(graph)
                merge_duplicates(graph)
                absorb_border_layout(graph)
                return "gain" if gain > 0 else "sink"
    return None


def _regions(graph: Graph, uses: Uses) -> list[Region]:
    """The maximal regions, then every single node that is part of a larger one."""
    agnostic = [n for n in graph.nodes if is_agnostic(n)]
    leader = {id(n): id(n) for n in agnostic}

    def find(key: int) -> int:
        while leader[key] != key:
            leader[key] = leader[leader[key]]
            key = leader[key]
        return key

    for node in agnostic:
        for value in node.inputs:
            if value is None or value.is_constant:
                continue
            producer = uses.producer(value)
            if producer is not None and id(producer) in leader:
                leader[find(id(node))] = find(id(producer))
            elif producer is not None and producer.op == "transpose":
                for sibling in uses.consumers(value):
                    if id(sibling) in leader:
                        leader[find(id(node))] = find(id(sibling))
    groups: dict[int, list[Node]] = {}
    for node in agnostic:
        groups.setdefault(find(id(node)), []).append(node)
    whole = [Region(nodes) for nodes in groups.values()]
    return whole + [Region([n]) for r in whole if len(r.nodes) > 1 for n in r.nodes]


def _candidates(region: Region, uses: Uses) -> list[Perm]:
    """Orders in which a transposition at the region's edge would cancel."""
    found: dict[Perm, None] = {}
    for value in region.inputs:
        producer = uses.producer(value)
        if producer is not None and producer.op == "transpose":
            found[inverse(producer.attrs["perm"])] = None
    for value in (*region.inputs, *region.results):
        for reader in uses.consumers(value):
            if reader.op == "transpose":
                found[tuple(reader.attrs["perm"])] = None
    return [p for p in found if p != tuple(range(len(p)))]


def _sinks(region: Region, uses: Uses, perm: Perm) -> bool:
    """Flipping only moves transpositions from the region's inputs to its results: nearer to what may stop them."""
    producers = [uses.producer(v) for v in region.inputs]
    return bool(producers) and all(
        p is not None
        and p.op == "transpose"
        and inverse(p.attrs["perm"]) == perm
        and not keeps_order(perm, p.output.shape)
        and all(id(n) in region.members for n in uses.consumers(p.output))
        and not uses.is_output(p.output)
        for p in producers
    )


def _moved(perm: Sequence[int], shape: Sequence[int], elements: int) -> int:
    return 0 if keeps_order(perm, shape) else elements


def _gain(graph: Graph, region: Region, uses: Uses, perm: Perm) -> int:
    """Transposed elements before minus after flipping."""
    rank = len(perm)
    if any(len(v.shape) != rank for v in (*region.inputs, *region.results)):
        return 0
    before = after = 0
    for value in region.inputs:
        size = value.type.elements
        readers = [n for n in uses.consumers(value) if id(n) not in region.members]
        producer = uses.producer(value)
        if producer is not None and producer.op == "transpose":
            source, first = producer.input(0), tuple(producer.attrs["perm"])
            if id(source) in region.made:
                continue  # from the region into itself: weighed with its results
            if not readers and not uses.is_output(value):
                before += _moved(first, source.shape, size)
            after += _moved(compose(first, perm), source.shape, size)
        elif any(n.op == "transpose" and tuple(n.attrs["perm"]) == perm for n in readers) or (
            not readers and not uses.is_output(value) and can_absorb(graph, value, perm)
        ):
            continue
        else:
            after += _moved(perm, value.shape, size)
    back = inverse(perm)
    for value in region.results:
        size, shape = value.type.elements, tuple(value.shape[p] for p in perm)
        readers = [n for n in uses.consumers(value) if id(n) not in region.members]
        for reader in readers:
            if reader.op == "transpose" and not _only_dense(reader, uses):
                inner = compose(back, reader.attrs["perm"])
                before += _moved(reader.attrs["perm"], value.shape, size)
                after += _moved(compose(inner, perm) if region.reads(reader.output) else inner, shape, size)
        others = [n for n in readers if n.op != "transpose" and not _feeds_dense(n, uses)]
        shown = uses.is_output(value) and not can_absorb(graph, value, back, is_output=True)
        if others or shown:
            after += _moved(back, shape, size)
    return before - after


def _only_dense(turn: Node, uses: Uses) -> bool:
    """A transposition that costs nothing, as dense layers will take it up."""
    readers = uses.consumers(turn.output)
    return bool(readers) and not uses.is_output(turn.output) and all(_feeds_dense(n, uses) for n in readers)


def _feeds_dense(reader: Node, uses: Uses) -> bool:
    """A flattening whose order the weights of dense layers can take up."""
    if reader.op != "reshape" or len(reader.output.shape) != 2 or uses.is_output(reader.output):
        return False
    consumers = uses.consumers(reader.output)
    return bool(consumers) and all(n.op == "dense" and n.input(1).is_constant for n in consumers)


def _is_legal(region: Region, perm: Perm) -> bool:
    for node in region.nodes:
        if permuted_attrs(node, perm) is None:
            return False
        for value in node.inputs:
            if value is None or not value.is_constant:
                continue
            if permuted_constant(value, perm) is None or (node.op == "concat" and value.type.elements == 1):
                return False
    return True


def _flip(graph: Graph, region: Region, perm: Perm) -> None:
    flipped: dict[int, Value] = {}
    origin = graph.meta.get("origin", {})
    for value in region.inputs:
        anchor = next(n for n in region.nodes if any(i is value for i in n.inputs))
        turn = new_node(graph, "transpose", f"{value.name}.turned", [value], {"perm": perm})
        insert_before(graph, anchor, turn)
        flipped[id(value)] = turn.output
    back = inverse(perm)
    for node in region.nodes:
        inputs: list[Value | None] = []
        for operand in node.inputs:
            if operand is not None and operand.is_constant:
                inputs.append(_turned_constant(graph, node, operand, perm))
            else:
                inputs.append(None if operand is None else flipped[id(operand)])
        inner = new_node(graph, node.op, f"{node.name}.turned", inputs, permuted_attrs(node, perm), like=node.output)
        restore = new_node(graph, "transpose", f"{node.name}.back", [inner.output], {"perm": back})
        insert_before(graph, node, inner, restore)
        if node.output.name in origin:
            tensor, first = origin[node.output.name]
            origin[inner.output.name] = [tensor, list(compose(first or range(len(perm)), perm))]
        flipped[id(node.output)] = inner.output
        graph.nodes = [n for n in graph.nodes if n is not node]
        restore.outputs = [node.output]
        inner.name = node.name


def _turned_constant(graph: Graph, node: Node, value: Value, perm: Perm) -> Value:
    turned = permuted_constant(value, perm)
    assert turned is not None
    data, quantization = turned
    if node.op == "concat":
        data = data.reshape((1,) * (len(perm) - data.ndim) + data.shape)
    return new_constant(graph, f"{node.name}.constant", data, quantization)
