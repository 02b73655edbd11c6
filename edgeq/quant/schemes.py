"""How weights are stored: the spellings of `--weights`, and which layer gets which.

int8, int7, ... int2    two's complement, one scale per output channel; below eight bits all codes are used
ternary, binary         -1, 0, +1, and -1, +1
trit-planes             two ternary planes, W = a1 T1 + a2 T2, with a pair of factors per group (PTQTP, 2025)
NAME:gN                 groups of N weights along the taps of an output channel, each with a factor of its own
NAME:tensor             one scale for the whole layer
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edgeq.errors import UsageError
from edgeq.ir.graph import Graph, Node
from edgeq.ops.registry import operator

TRIT_PLANES = "trit-planes"
NAMES = (*(f"int{bits}" for bits in range(8, 1, -1)), "ternary", "binary", TRIT_PLANES)
DEFAULT = "int8"

DEPTHWISE = "depthwise_conv2d"

PLANES_GROUP = 128
"""Weights that share a pair of factors where `trit-planes` names no size, as in PTQTP."""

_SPELLING = re.compile(r"(?P<name>[a-z0-9-]+)(?::(?:g(?P<size>[0-9]+)|(?P<tensor>tensor)))?")
_HINT = (
    f"use one of: {', '.join(NAMES)}; int4:g32 gives groups of 32 weights a scale of their own, int4:tensor a layer one"
)


@dataclass(frozen=True)
class WeightScheme:
    """One way of storing weights. group: weights per group, 0 for one scale per output channel; per_tensor: one scale
    for all of them."""

    name: str = DEFAULT
    group: int = 0
    per_tensor: bool = False

    @property
    def low(self) -> int:
        """The smallest integer of a weight (of one plane)."""
        return -(1 << (int(self.name[3:]) - 1)) if self._is_int else -1

    @property
    def high(self) -> int:
        """The largest integer of a weight (of one plane)."""
        return (1 << (int(self.name[3:]) - 1)) - 1 if self._is_int else 1

    @property
    def has_zero(self) -> bool:
        return self.name != "binary"

    @property
    def base(self) -> str:
        """The number format that holds one plane of a group."""
        if self.name == TRIT_PLANES:
            return "wt"
        return "w1" if not self.has_zero else "w2" if self.low >= -2 else "w4"

    @property
    def _is_int(self) -> bool:
        return self.name.startswith("int")

    def __str__(self) -> str:
        return f"{self.name}:g{self.group}" if self.group else f"{self.name}:tensor" if self.per_tensor else self.name


Schemes = Mapping[str, WeightScheme]
"""By the name of the node."""


def parse_scheme(text: str) -> WeightScheme:
    """Reads `int4`, `ternary`, `int4:g32`, ... Raises UsageError."""
    match = _SPELLING.fullmatch(text)
    if match is None or match["name"] not in NAMES:
        raise UsageError(f"{text!r} is not a way of storing weights", hint=_HINT)
    name, size = match["name"], match["size"]
    if match["tensor"]:
        if name == TRIT_PLANES:
            raise UsageError(f"{text!r}: planes have factors by group", hint=f"{TRIT_PLANES}:g128 gives groups of 128")
        return WeightScheme(name, per_tensor=True)
    if size is None:
        return WeightScheme(name, PLANES_GROUP if name == TRIT_PLANES else 0)
    if int(size) == 0:
        raise UsageError(f"{text!r}: a group has at least one weight", hint=f"for one scale per channel: {name}")
    if WeightScheme(name).low < -8:
        raise UsageError(
            f"{text!r}: groups are for weights of up to four bits",
            hint=f"{name} has one scale per output channel; finer ones would cost more than they gain",
        )
    return WeightScheme(name, int(size))


def plan_weights(graph: Graph, weights: WeightScheme, edges: WeightScheme | None = None) -> Schemes:
    """The scheme of every layer with weights, by the node's name. Raises UsageError when no layer would take `weights`.

    edges, int8 unless given: for layers before which, or after which, there is no other layer with weights, and for
    depthwise layers; there is little to save in them and much to lose. Groups take part only where a row holds more
    than one: other rows, and those of depthwise layers, have one scale per output channel (four bits in place of
    trit-planes), except that a short row may still lie in two planes.
    """
    ends = {id(node) for node in (*_firsts(graph), *_lasts(graph))}
    layers = [node for node in graph.nodes if operator(node.op).accumulates]
    inner = {id(node) for node in layers if id(node) not in ends and node.op != DEPTHWISE}
    if layers and not inner and edges is None and weights != WeightScheme():
        raise UsageError(
            f"every layer is the first, the last or a depthwise one, so none would have {weights} weights",
            hint=f"these layers keep int8 unless you say --weights-edges {weights}",
        )
    return {n.name: fitting(n, weights if id(n) in inner else edges or WeightScheme()) for n in layers}


def fitting(node: Node, scheme: WeightScheme) -> WeightScheme:
    """What a layer takes in place of `scheme` where its rows are too short for groups, or it is a depthwise one."""
    if not scheme.group:
        return scheme
    if node.op == DEPTHWISE:
        return WeightScheme("int4" if scheme.name == TRIT_PLANES else scheme.name)
    weights = node.input(1)
    taps = weights.type.elements // weights.shape[operator(node.op).weight_axis]
    return WeightScheme(scheme.name) if taps <= scheme.group and scheme.name != TRIT_PLANES else scheme


def _firsts(graph: Graph) -> Iterator[Node]:
    """Layers with weights that no other one feeds."""
    fed: set[int] = set()
    for node in graph.nodes:
        after = any(v is not None and id(v) in fed for v in node.inputs)
        weighted = operator(node.op).accumulates
        if weighted and not after:
            yield node
        if weighted or after:
            fed.update(id(v) for v in node.outputs)


def _lasts(graph: Graph) -> Iterator[Node]:
    """Layers with weights that feed no other one."""
    feeding: set[int] = set()
    for node in reversed(graph.nodes):
        before = any(id(v) in feeding for v in node.outputs)
        weighted = operator(node.op).accumulates
        if weighted and not before:
            yield node
        if weighted or before:
            feeding.update(id(v) for v in node.inputs if v is not None)
