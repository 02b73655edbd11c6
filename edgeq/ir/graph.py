"""Graph, Node and Value: plain mutable structures with the few queries and edits that passes need."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from edgeq.errors import InternalError
from edgeq.ir.types import Array, Quantization, TensorType

Attr = Any
"""int, float, str, bool, None, or a tuple of these."""


@dataclass(eq=False)
class Value:
    """A named tensor. `data` is set for constants only and then matches `type`."""

    name: str
    type: TensorType
    data: Array | None = None

    @property
    def is_constant(self) -> bool:
        return self.data is not None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.type.shape

    @property
    def constant(self) -> Array:
        """The data of a constant; an internal error for anything else."""
        if self.data is None:
            raise InternalError(f"value {self.name!r} is not a constant")
        return self.data

    @property
    def quantization(self) -> Quantization:
        """The quantization; an internal error where there is none."""
        if self.type.quantization is None:
            raise InternalError(f"value {self.name!r} is not quantized")
        return self.type.quantization

    def integers(self, real: Array) -> Array:
        """Reals as this value's integers; tokens, which have no scale, are themselves."""
        if self.type.quantization is None:
            return real.astype(self.type.dtype.numpy)
        return self.type.quantization.quantize(real, self.type.dtype)

    @property
    def scale(self) -> float:
        return self.quantization.tensor_scale

    @property
    def zero_point(self) -> int:
        return self.quantization.tensor_zero_point


@dataclass(eq=False)
class Node:
    """One operator. Optional inputs that are absent are None. `params` is filled by lowering."""

    op: str
    name: str
    inputs: list[Value | None]
    outputs: list[Value]
    attrs: dict[str, Attr] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)

    def input(self, index: int) -> Value:
        """The input at `index`, which must be there."""
        value = self.inputs[index] if index < len(self.inputs) else None
        if value is None:
            raise InternalError(f"node {self.name!r} ({self.op}) lacks input {index}")
        return value

    def optional(self, index: int) -> Value | None:
        return self.inputs[index] if index < len(self.inputs) else None

    @property
    def output(self) -> Value:
        """The first output."""
        return self.outputs[0]


@dataclass(eq=False)
class Graph:
    """A network: nodes in execution order. `meta` holds facts about the origin, JSON-able."""

    name: str
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)

    def values(self) -> Iterator[Value]:
        """Every value once: inputs, then in order of first appearance."""
        seen: set[int] = set()
        everything: Iterable[Value | None] = [
            *self.inputs,
            *(v for n in self.nodes for v in (*n.inputs, *n.outputs)),
            *self.outputs,
        ]
        for value in everything:
            if value is not None and id(value) not in seen:
                seen.add(id(value))
                yield value

    def producer(self, value: Value) -> Node | None:
        """The node that computes `value`; None for inputs and constants."""
        return next((n for n in self.nodes if any(o is value for o in n.outputs)), None)

    def consumers(self, value: Value) -> list[Node]:
        """Nodes that read `value`, in execution order."""
        return [n for n in self.nodes if any(i is value for i in n.inputs)]

    def is_output(self, value: Value) -> bool:
        return any(o is value for o in self.outputs)

    def replace_uses(self, old: Value, new: Value) -> None:
        """Every reader of `old`, the graph's outputs included, reads `new` instead."""
        for node in self.nodes:
            node.inputs = [new if i is old else i for i in node.inputs]
        self.outputs = [new if o is old else o for o in self.outputs]

    def unique_name(self, base: str) -> str:
        """`base`, or `base_1`, `base_2`, ... if a value or node has that name already."""
        taken = {v.name for v in self.values()} | {n.name for n in self.nodes}
        if base not in taken:
            return base
        number = 1
        while f"{base}_{number}" in taken:
            number += 1
        return f"{base}_{number}"

    def remove_dead(self) -> int:
        """Drops nodes whose results nobody reads; returns how many."""
        before = len(self.nodes)
        alive = {id(o) for o in self.outputs}
        kept: list[Node] = []
        for node in reversed(self.nodes):
            if any(id(o) in alive for o in node.outputs):
                kept.append(node)
                alive.update(id(i) for i in node.inputs if i is not None)
        self.nodes = kept[::-1]
        return before - len(self.nodes)

    def copy(self) -> Graph:
        """A graph of new nodes and values; constant arrays are shared, never changed in place."""
        memo: dict[int, Any] = {id(v.data): v.data for v in self.values() if v.data is not None}
        return copy.deepcopy(self, memo)
