"""Making nodes: fills attribute defaults, infers shapes, and refuses what the operator does not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Attr, Graph, Node, Value
from edgeq.ir.types import Array, DType, Quantization, TensorType
from edgeq.ops.registry import operator


def make_node(
    op: str,
    name: str,
    inputs: Sequence[Value | None],
    attrs: Mapping[str, Attr] | None = None,
    *,
    output_names: Sequence[str],
    dtype: DType = DType.FLOAT32,
    quantizations: Sequence[Quantization | None] | None = None,
) -> Node:
    """A node with inferred output shapes. Raises UnsupportedError naming the node when shapes do not fit."""
    row = operator(op)
    given = dict(attrs or {})
    unknown = set(given) - set(row.attributes)
    missing = {k for k, default in row.attributes.items() if default is ... and k not in given}
    if unknown or missing:
        raise UnsupportedError(
            f"{op} does not take {sorted(unknown)}" if unknown else f"{op} needs {sorted(missing)}", where=name
        )
    node = Node(op, name, list(inputs), [], {**row.attributes, **given})
    try:
        shapes = row.infer(node)
    except ValueError as error:
        raise UnsupportedError(f"{op}: {error}", where=name) from None
    if len(shapes) != len(output_names):
        raise UnsupportedError(f"{op} has {len(shapes)} outputs, not {len(output_names)}", where=name)
    given_q = quantizations or [None] * len(shapes)
    node.outputs = [
        Value(n, TensorType(tuple(int(d) for d in s), dtype, q))
        for n, s, q in zip(output_names, shapes, given_q, strict=True)
    ]
    return node


class GraphBuilder:
    """Appends nodes to a graph in execution order; what frontends and tests write with."""

    def __init__(self, name: str) -> None:
        self.graph = Graph(name)

    def input(
        self, name: str, shape: Sequence[int], dtype: DType = DType.FLOAT32, quantization: Quantization | None = None
    ) -> Value:
        """A graph input."""
        value = Value(name, TensorType(tuple(shape), dtype, quantization))
        self.graph.inputs.append(value)
        return value

    def constant(self, name: str, data: Array, quantization: Quantization | None = None) -> Value:
        """A constant; float arrays become float32."""
        array = np.asarray(data)
        if array.dtype.kind == "f":
            array = array.astype(np.float32)
        return Value(name, TensorType(tuple(array.shape), DType(array.dtype.name), quantization), array)

    def add(
        self,
        op: str,
        inputs: Sequence[Value | None],
        attrs: Mapping[str, Attr] | None = None,
        *,
        name: str,
        output_names: Sequence[str] | None = None,
        dtype: DType = DType.FLOAT32,
        quantizations: Sequence[Quantization | None] | None = None,
    ) -> Value:
        """Appends one node and returns its first output (named as the node unless `output_names` says otherwise)."""
        node = make_node(
            op,
            name,
            inputs,
            attrs,
            output_names=output_names or [name],
            dtype=dtype,
            quantizations=quantizations,
        )
        self.graph.nodes.append(node)
        return node.output

    def finish(self, outputs: Sequence[Value]) -> Graph:
        """Sets the outputs and returns the graph."""
        self.graph.outputs = list(outputs)
        return self.graph
