"""What passes share: who makes and who reads a value, and the few edits that keep names where users know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgeq.ir.graph import Attr, Graph, Node, Value
from edgeq.ir.types import Array, DType, Quantization, TensorType
from edgeq.ops.build import make_node


class Uses:
    """Producers and consumers of a graph as it stood when this was made."""

    def __init__(self, graph: Graph) -> None:
        self._producers = {id(o): n for n in graph.nodes for o in n.outputs}
        self._consumers: dict[int, list[Node]] = {}
        for node in graph.nodes:
            for identity in {id(i) for i in node.inputs if i is not None}:
                self._consumers.setdefault(identity, []).append(node)
        self._outputs = {id(o) for o in graph.outputs}
        self._inputs = {id(i) for i in graph.inputs}

    def producer(self, value: Value | None) -> Node | None:
        return None if value is None else self._producers.get(id(value))

    def consumers(self, value: Value) -> list[Node]:
        return self._consumers.get(id(value), [])

    def is_output(self, value: Value) -> bool:
        return id(value) in self._outputs

    def is_input(self, value: Value) -> bool:
        return id(value) in self._inputs

    def only_reader(self, value: Value) -> Node | None:
        """The one node that reads `value`, if nothing else sees it."""
        readers = self.consumers(value)
        return readers[0] if len(readers) == 1 and not self.is_output(value) else None

    def private_producer(self, value: Value | None, *ops: str) -> Node | None:
        """The producer, if it is one of `ops` and its result has no other reader."""
        node = self.producer(value)
        if node is None or value is None or node.op not in ops or self.only_reader(value) is None:
            return None
        return node


def is_real(*values: Value | None) -> bool:
    """All are float (absent ones count as float)."""
    return all(v is None or v.type.dtype.is_float for v in values)


def is_plain(node: Node | None, *ops: str) -> bool:
    """One of these operators, without a clamp."""
    bounds = ("clamp_min", "clamp_max")
    return node is not None and node.op in ops and all(node.attrs.get(bound) is None for bound in bounds)


def real_number(value: Value | None) -> float | None:
    """A constant single real."""
    if value is None or not value.is_constant or value.type.elements != 1 or not is_real(value):
        return None
    return float(value.constant.reshape(()))


def value_and_number(node: Node) -> tuple[Value, float] | None:
    """(x, c) of a sum or product of a computed value, not broadcast, and a constant number."""
    for at in (0, 1):
        number = real_number(node.optional(at))
        if number is not None and node.input(1 - at).shape == node.output.shape:
            return node.input(1 - at), number
    return None


def new_constant(graph: Graph, base: str, data: Array, quantization: Quantization | None = None) -> Value:
    """A constant under a new name; reals become float32."""
    array = np.ascontiguousarray(data.astype(np.float32) if data.dtype.kind == "f" else data).reshape(data.shape)
    kind = TensorType(tuple(array.shape), DType(array.dtype.name), quantization)
    return Value(graph.unique_name(base), kind, array)


def new_node(
    graph: Graph,
    op: str,
    base: str,
    inputs: Sequence[Value | None],
    attrs: Mapping[str, Attr] | None = None,
    *,
    like: Value | None = None,
) -> Node:
    """A node under a new name, not yet in the graph; element type and quantization of `like`, else of input 0."""
    lead = like or inputs[0]
    assert lead is not None
    name = graph.unique_name(base)
    kind = lead.type
    return make_node(op, name, inputs, attrs, output_names=[name], dtype=kind.dtype, quantizations=[kind.quantization])


def insert_before(graph: Graph, anchor: Node, *nodes: Node) -> None:
    """Puts nodes just before `anchor`."""
    place = next(i for i, n in enumerate(graph.nodes) if n is anchor)
    graph.nodes[place:place] = nodes


def remove(graph: Graph, node: Node) -> None:
    """Takes a node out of the list; its result must have no reader left."""
    graph.nodes = [n for n in graph.nodes if n is not node]


def take_over(graph: Graph, node: Node, last: Node) -> None:
    """`node` computes what `last` computed: its result gets the name and type of the result of `last`, which goes."""
    node.outputs = [last.output]
    remove(graph, last)


def bypass(graph: Graph, node: Node) -> bool:
    """Removes a node that hands on its input 0 unchanged; False where input and output of the graph would merge."""
    x, y = node.input(0), node.output
    if not graph.is_output(y):
        remove(graph, node)
        graph.replace_uses(y, x)
        return True
    producer = graph.producer(x)
    if producer is None or graph.is_output(x):
        return False
    remove(graph, node)
    producer.outputs = [y if o is x else o for o in producer.outputs]
    graph.replace_uses(x, y)
    return True


def compose(first: Sequence[int], second: Sequence[int]) -> tuple[int, ...]:
    """The permutation of transposing by `first`, then by `second`."""
    return tuple(first[i] for i in second)


def inverse(perm: Sequence[int]) -> tuple[int, ...]:
    """The permutation that undoes `perm`."""
    return tuple(perm.index(i) for i in range(len(perm)))


def keeps_order(perm: Sequence[int], shape: Sequence[int]) -> bool:
    """Transposing `shape` by `perm` leaves the bytes as they are: only axes of length 1 change places."""
    long_axes = [p for p in perm if shape[p] != 1]
    return long_axes == sorted(long_axes)
