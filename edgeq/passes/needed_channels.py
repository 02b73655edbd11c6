"""Which channels (indices on the last axis) of a lowered graph's values have to be computed.

A channel is left out when no reader needs it. A layer that sums does not need an input channel that all its kept
outputs give the weight zero, nor one that adds the same known amount to a sum at every position: that goes into the
bias. All other operators tie channels to each other: a class of tied channels is kept or left out as a whole.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np

from edgeq.ir.graph import Graph, Node, Value
from edgeq.ir.types import Array
from edgeq.ops.lookup import TableOperator
from edgeq.ops.registry import operator

Tie = tuple[str, Array, str, Array]
"""Channels of one value, by name, and at the same places those of another that are kept with them."""


class Layer:
    """What a dense layer or convolution without groups adds up, by input channel.

    shares: int64 [positions, outputs, channels]; what a known input channel adds to each sum, the zero point taken off,
    so that padding adds nothing. varies: [outputs, channels]; whether the sum needs the channel itself.
    """

    def __init__(self, node: Node, integers: Array, known: Array) -> None:
        w = node.params["weights"].astype(np.int64)
        w = w.reshape(w.shape[0], -1, w.shape[-1])
        self.varies = np.any(w, axis=1)
        self.constant_shares = np.zeros(self.varies.shape, dtype=np.int64)
        whole = known.reshape(-1, known.shape[-1]).all(axis=0)
        for channel in np.flatnonzero(whole & self.varies.any(axis=0)):
            share = _share(node, integers, int(channel))
            first = share[0]
            self.constant_shares[:, channel] = first
            self.varies[:, channel] = (share != first).any(axis=0)


def _share(node: Node, integers: Array, channel: int) -> Array:
    """[positions, outputs]: what one input channel, zero point taken off, adds to the sums."""
    x = integers[..., [channel]].astype(np.float64) - node.params["input_zero_point"]
    weights = node.params["weights"][..., [channel]].astype(np.float64)
    attrs = {**node.attrs, "clamp_min": None, "clamp_max": None}
    (sums,) = operator(node.op).compute(Node(node.op, node.name, node.inputs[:2], node.outputs, attrs), [x, weights])
    return np.rint(sums.reshape(-1, sums.shape[-1])).astype(np.int64)


def folds(node: Node) -> bool:
    """Whether single input channels of a node can go into its bias."""
    whole = node.op == "dense" or (node.op == "conv2d" and node.attrs["groups"] == 1)
    return whole and node.optional(4) is None


class Channels:
    """Which channels of a graph's values are kept, by the values' names: all that the outputs need, and what is added.

    kept: a mask of the channels of every value that is no constant. layers: by name, the nodes that fold inputs.
    """

    def __init__(self, graph: Graph, integers: dict[int, Array], known: dict[int, Array]) -> None:
        self.kept = {v.name: np.zeros(_channels(v), dtype=bool) for v in graph.values() if not v.is_constant}
        self.layers: dict[str, Layer] = {}
        self._ties: list[Tie] = []
        self._needs: list[tuple[Layer, str, str]] = []
        for value in (*graph.inputs, *graph.outputs):
            self._keep_all(value)
        for node in reversed(graph.nodes):
            x = node.input(0)
            if folds(node) and not x.is_constant:
                layer = self.layers[node.name] = Layer(node, integers[id(x)], known[id(x)])
                self._needs.append((layer, node.output.name, x.name))
                continue
            ties = _ties(node)
            self._ties += ties
            for operand in (*node.inputs, *node.outputs):
                if not ties and operand is not None:
                    self._keep_all(operand)
        self._settle()
        # Tensors without elements are more trouble than one channel.
        while empty := [mask for mask in self.kept.values() if not mask.any()]:
            empty[0][0] = True
            self._settle()

    def copy(self) -> Channels:
        """The same channels; what is kept more there is not kept here."""
        twin = copy.copy(self)
        twin.kept = {name: mask.copy() for name, mask in self.kept.items()}
        return twin

    def keep(self, value: Value, channel: int) -> None:
        """Keeps one channel more, with all that are tied to it or then needed."""
        self.kept[value.name][channel] = True
        self._settle()

    def _keep_all(self, value: Value) -> None:
        if not value.is_constant:
            self.kept[value.name][:] = True

    def _settle(self) -> None:
        """Follows needs from reader to producer, and ties both ways, until nothing changes."""
        before = -1
        while before != (now := sum(int(mask.sum()) for mask in self.kept.values())):
            before = now
            for layer, output, x in self._needs:
                self.kept[x] |= layer.varies[self.kept[output]].any(axis=0)
            for a, places_a, b, places_b in self._ties:
                kept_a, kept_b = self.kept[a], self.kept[b]
                kept_a[places_a[kept_b[places_b]]] = True
                kept_b[places_b[kept_a[places_a]]] = True


def _channels(value: Value) -> int:
    return value.shape[-1] if value.shape else 1


def _ties(node: Node) -> list[Tie]:
    """Pairs that cover every channel of the node's activations; none where all have to be kept."""
    row = operator(node.op)
    if isinstance(row, TableOperator):
        return _same(node)
    rule = _RULES.get(node.op)
    return [] if rule is None else rule(node)


def _same(node: Node) -> list[Tie]:
    """Every input and the output have the same channels; constants may lack the axis."""
    y = node.output
    every = np.arange(_channels(y))
    ties = []
    for x in node.inputs:
        if x is None or x.is_constant:
            continue
        if not x.shape or x.shape[-1] != y.shape[-1]:
            return []
        ties.append((x.name, every, y.name, every))
    return ties


def _reduced(node: Node) -> list[Tie]:
    rank = len(node.input(0).shape)
    last = any(axis % rank == rank - 1 for axis in node.attrs["axes"])
    return [] if last or not node.output.shape else _same(node)


def _transposed(node: Node) -> list[Tie]:
    perm = node.attrs["perm"]
    return _same(node) if perm and perm[-1] % len(perm) == len(perm) - 1 else []


def _sliced(node: Node) -> list[Tie]:
    return _same(node) if node.attrs["strides"][-1] == 1 else []


def _depthwise(node: Node) -> list[Tie]:
    x, y = node.input(0), node.output
    outputs = np.arange(y.shape[-1])
    return [(x.name, outputs // (y.shape[-1] // x.shape[-1]), y.name, outputs)]


def _reshaped(node: Node) -> list[Tie]:
    """Where several axes become the last one, or the other way round, its indices count channels again and again."""
    x, y = node.input(0), node.output
    if not x.shape or not y.shape:
        return []
    longer, shorter = (x, y) if x.shape[-1] >= y.shape[-1] else (y, x)
    places = np.arange(longer.shape[-1])
    if longer.shape[-1] % shorter.shape[-1]:
        return []
    return [(longer.name, places, shorter.name, places % shorter.shape[-1])]


def _joined(node: Node) -> list[Tie]:
    y = node.output
    if any(v is not None and v.is_constant for v in node.inputs):
        return []
    if node.attrs["axis"] % len(y.shape) != len(y.shape) - 1:
        return _same(node)
    ties, start = [], 0
    for index in range(len(node.inputs)):
        x = node.input(index)
        every = np.arange(x.shape[-1])
        ties.append((x.name, every, y.name, start + every))
        start += len(every)
    return ties


_RULES: dict[str, Callable[[Node], list[Tie]]] = {
    **dict.fromkeys(("add", "sub", "mul", "max_pool2d", "avg_pool2d", "pad", "resize_nearest"), _same),
    "mean": _reduced,
    "transpose": _transposed,
    "slice": _sliced,
    "depthwise_conv2d": _depthwise,
    "reshape": _reshaped,
    "concat": _joined,
}
"""Operators without a row keep all channels of their inputs and outputs."""
