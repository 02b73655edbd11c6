"""Pairs of layers between which channels can be scaled, or mixed, without a change of what the network computes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgeq.ir.graph import Graph, Node, Value
from edgeq.ir.types import Array
from edgeq.ops.registry import operator
from edgeq.passes.affine import scale_inputs, scale_outputs
from edgeq.passes.rewrite import Uses

SMALLEST = 1e-8
"""Of a channel's magnitude; smaller ones are not scaled."""

_LINEAR = ("avg_pool2d", "mean", "reshape")
_HOMOGENEOUS = ("relu", "max_pool2d", *_LINEAR)
"""f(s x) = s f(x) for s > 0, channel by channel."""


@dataclass(frozen=True)
class Pair:
    """`second` alone reads what becomes of the output of `first`. repeats: times the channels lie in a row of it."""

    first: Node
    second: Node
    repeats: int = 1

    @property
    def channels(self) -> int:
        """Output channels of the first layer."""
        return int(self.first.output.shape[-1])

    def rescale(self, graph: Graph, factors: Array) -> bool:
        """Multiplies the channels between the layers by `factors`, and divides the second's weights by them."""
        zeros = np.zeros(self.channels)
        inverse = np.tile(1 / factors, self.repeats)
        if not scale_inputs(graph, self.second, inverse, np.zeros(len(inverse))):
            return False
        scale_outputs(graph, self.first, factors, zeros)
        return True

    def read_magnitudes(self) -> Array:
        """Largest weight of the second layer by the channel that it reads."""
        w = np.abs(self.second.input(1).constant.astype(np.float64))
        if self.second.op == "depthwise_conv2d":
            by_input = w.max(axis=(0, 1)).reshape(self.channels, -1).max(axis=1)
        else:
            by_input = w.max(axis=tuple(range(w.ndim - 1)))
        return np.asarray(by_input.reshape(self.repeats, self.channels).max(axis=0))


def scalable_pairs(graph: Graph) -> Iterator[Pair]:
    """Pairs whose channels may be multiplied by positive factors."""
    return _pairs(graph, _HOMOGENEOUS, clamped=True)


def linear_pairs(graph: Graph) -> Iterator[Pair]:
    """Pairs between which there is nothing but linear operators, so that channels may be mixed."""
    return _pairs(graph, _LINEAR, clamped=False)


def _pairs(graph: Graph, between: tuple[str, ...], clamped: bool) -> Iterator[Pair]:
    uses = Uses(graph)
    for node in graph.nodes:
        if not operator(node.op).accumulates or not _free(node, clamped):
            continue
        found = _reader(uses, node.output, between, clamped)
        if found is not None and all(v is None or v.is_constant for v in (*node.inputs[1:], *found[0].inputs[1:])):
            yield Pair(node, *found)


def _reader(uses: Uses, value: Value, between: tuple[str, ...], clamped: bool) -> tuple[Node, int] | None:
    """(the layer that alone reads a value, how often its channels lie in a row of it)."""
    repeats = 1
    while (reader := uses.only_reader(value)) is not None:
        if operator(reader.op).accumulates:
            return (reader, repeats) if reader.attrs.get("groups", 1) == 1 else None
        if reader.op not in between or not _free(reader, clamped):
            return None
        if reader.op == "mean" and any(a % len(value.shape) == len(value.shape) - 1 for a in reader.attrs["axes"]):
            return None
        if reader.op == "reshape":
            if reader.output.shape[-1] % value.shape[-1]:
                return None
            repeats *= reader.output.shape[-1] // value.shape[-1]
        value = reader.output
    return None


def _free(node: Node, clamped: bool) -> bool:
    """Whether the node's clamp leaves its output homogeneous (`clamped`: from 0 on) or linear (no clamp)."""
    low, high = node.attrs.get("clamp_min"), node.attrs.get("clamp_max")
    return high is None and (low is None or (clamped and low == 0))
