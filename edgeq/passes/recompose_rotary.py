"""Rotary positions that exporters spell out as products with constant cosines and sines, as one operator.

Three forms, x = (a, b) in halves or in neighbours: x cos + concat(-b, a) sin; concat(a cos - b sin, a sin + b cos); and
the same stacked pair by pair. The angles must grow by the same part of a turn from position to position.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeq.ir.graph import Graph, Node, Value
from edgeq.ir.types import Array
from edgeq.ops.rotary import TURN
from edgeq.passes.rewrite import Uses, insert_before, is_plain, is_real, new_node, real_number, take_over

NEAR = 1e-3
"""By which a constant may miss the cosine or sine of its angle."""


@dataclass(frozen=True)
class _Part:
    """Half of the channels of `x`: the first (or even) ones, or the second (or odd) ones.

    The last axis of `x` counts channels; where it has two elements and they are `interleaved`, the last two axes do.
    """

    x: Value
    second: bool
    interleaved: bool

    def pairs_with(self, other: _Part | None) -> bool:
        """The two are the first and the second half of one value."""
        if other is None or self.x is not other.x or self.interleaved != other.interleaved:
            return False
        return other.second and not self.second

    @property
    def shape(self) -> tuple[int, ...]:
        """Of `x` with its channels on one axis."""
        shape = self.x.shape
        return (*shape[:-2], 2 * shape[-2]) if self.interleaved and shape[-1] == 2 else shape


def recompose_rotary(graph: Graph) -> bool:
    """Real graphs. Returns whether any was found."""
    changed = False
    for node in list(graph.nodes):
        if not any(n is node for n in graph.nodes) or not is_real(*node.outputs):
            continue
        uses = Uses(graph)
        found = _whole(uses, node) if is_plain(node, "add") else _halves(uses, node) if node.op == "concat" else None
        if found is None:
            continue
        (first, second), cos, sin = found
        steps_and_axis = _regular(cos, sin, first.shape)
        if not first.pairs_with(second) or steps_and_axis is None:
            continue
        _replace(graph, uses, node, first, *steps_and_axis)
        changed = True
    return changed


def _replace(graph: Graph, uses: Uses, node: Node, part: _Part, steps: tuple[int, ...], axis: int) -> None:
    """The operator instead of the chain that `node` ends; a transposition of its heads before it comes behind it."""
    source, perm = part.x, tuple(range(len(part.shape)))
    mover = uses.producer(source)
    if mover is not None and mover.op == "transpose" and source.shape == part.shape:
        moved = tuple(mover.attrs["perm"])
        if moved[0] == 0 and moved[-1] == len(moved) - 1:
            source, perm = mover.input(0), moved
    attrs = {"axis": perm[axis], "steps": steps, "interleaved": part.interleaved}
    flat_shape = source.shape if source is not part.x else part.shape
    flat = new_node(graph, "reshape", f"{node.name}.pairs", [source], {"shape": flat_shape})
    turned = new_node(graph, "rotary", f"{node.name}.rotary", [flat.output], attrs)
    back = new_node(graph, "transpose", f"{node.name}.heads", [turned.output], {"perm": perm})
    shaped = new_node(graph, "reshape", f"{node.name}.shaped", [back.output], {"shape": node.output.shape})
    insert_before(graph, node, flat, turned, back, shaped)
    take_over(graph, shaped, node)
    graph.remove_dead()


_Found = tuple[tuple[_Part, "_Part | None"], Array, Array]
"""The parts a and b, and the constants that multiply them."""


def _whole(uses: Uses, node: Node) -> _Found | None:
    """x cos + concat(-b, a) sin; both constants name every angle twice."""
    products = [_scaled(uses, node.input(i)) for i in (0, 1)]
    for at in (0, 1):
        straight, crossed = products[at], products[1 - at]
        if straight is None or crossed is None:
            continue
        swapped = uses.producer(crossed[0])
        if swapped is None or swapped.op != "concat" or len(swapped.inputs) != 2 or not _joins_last(swapped):
            continue
        negative = _negated(uses, swapped.input(0))
        a, b = _part(uses, swapped.input(1)), None if negative is None else _part(uses, negative)
        if a is None or a.interleaved or a.x is not straight[0]:
            continue
        halves = [np.split(c, 2, axis=-1) for c in (straight[1], crossed[1]) if c.ndim and c.shape[-1] % 2 == 0]
        if len(halves) == 2 and all(np.array_equal(one, two) for one, two in halves):
            return (a, b), halves[0][0], halves[1][0]
    return None


def _halves(uses: Uses, node: Node) -> _Found | None:
    """concat(a cos - b sin, a sin + b cos), halves one after the other, or stacked along a new axis."""
    if len(node.inputs) != 2 or not _joins_last(node):
        return None
    turned = [uses.producer(_unshaped(uses, v)) for v in (node.input(0), node.input(1))]
    if not is_plain(turned[0], "sub") or not is_plain(turned[1], "add"):
        return None
    assert turned[0] is not None and turned[1] is not None
    products = [_scaled(uses, v) for n in turned if n is not None for v in (n.input(0), n.input(1))]
    if any(p is None for p in products):
        return None
    (a, cos), (b, sin), *rest = ((_part(uses, p[0]), p[1]) for p in products if p is not None)
    if a is None or b is None:
        return None
    expected = {(a, sin.tobytes(), sin.shape), (b, cos.tobytes(), cos.shape)}
    if {(p, c.tobytes(), c.shape) for p, c in rest} != expected:
        return None
    return ((a, b), cos, sin) if a.interleaved == (node.output.shape[-1] == 2) else None


def _scaled(uses: Uses, value: Value) -> tuple[Value, Array] | None:
    """(x, c) of x * c with a constant that is no single number."""
    node = uses.producer(value)
    if node is None or not is_plain(node, "mul") or not is_real(*node.inputs):
        return None
    for at in (0, 1):
        if node.input(at).is_constant and node.input(1 - at).shape == node.output.shape:
            return node.input(1 - at), node.input(at).constant
    return None


def _negated(uses: Uses, value: Value) -> Value | None:
    node = uses.producer(value)
    if node is None or not is_plain(node, "mul"):
        return None
    return next((node.input(1 - at) for at in (0, 1) if real_number(node.input(at)) == -1.0), None)


def _joins_last(node: Node) -> bool:
    return bool(node.attrs["axis"] % len(node.output.shape) == len(node.output.shape) - 1)


def _unshaped(uses: Uses, value: Value) -> Value:
    """What a reshape that adds or drops ones at the end is of."""
    node = uses.producer(value)
    if node is None or node.op != "reshape":
        return value
    source = node.input(0)
    longer, shorter = sorted((source.shape, value.shape), key=len, reverse=True)
    return source if longer == (*shorter, 1) else value


def _part(uses: Uses, value: Value) -> _Part | None:
    """Which half of which value a slice takes from its last axis."""
    node = uses.producer(_unshaped(uses, value))
    if node is None or node.op != "slice":
        return None
    x, size = node.input(0), node.input(0).shape[-1]
    if node.output.shape[:-1] != x.shape[:-1] or any(s < 0 for s in node.attrs["strides"]) or size % 2:
        return None
    taken = range(node.attrs["begin"][-1], node.attrs["end"][-1], node.attrs["strides"][-1])
    for second in (False, True):
        if size == 2 and len(x.shape) > 3 and list(taken) == [int(second)]:
            return _Part(x, second, True)
        if list(taken) == list(range(int(second) * size // 2, (1 + int(second)) * size // 2)):
            return _Part(x, second, False)
        if list(taken) == list(range(int(second), size, 2)):
            return _Part(x, second, True)
    return None


def _regular(cos: Array, sin: Array, shape: tuple[int, ...]) -> tuple[tuple[int, ...], int] | None:
    """(angle per position in 2**-32 turns of each pair, axis of positions) where the constants are such angles'."""
    if cos.shape != sin.shape or not cos.ndim or cos.shape[-1] * 2 != shape[-1]:
        return None
    full = (*(1,) * (len(shape) - cos.ndim), *cos.shape)
    axes = [a for a, n in enumerate(full[:-1]) if n > 1]
    if len(axes) != 1 or full[axes[0]] != shape[axes[0]] or not 0 < axes[0] < len(shape) - 1 or shape[0] != 1:
        return None
    c, s = (t.reshape(shape[axes[0]], -1).astype(np.float64) for t in (cos, sin))
    turns = np.arctan2(s, c) / (2 * np.pi)
    step, place = turns[1], 1
    while place < len(turns):  # farther positions say the angle more exactly, once it is known which turn they are in
        missed = turns[place] - step * place
        step = step + (missed - np.rint(missed)) / place
        place *= 2
    steps = np.rint(step * TURN).astype(np.int64) % TURN
    angles = np.arange(len(turns))[:, None] * steps * (2 * np.pi / TURN)
    if max(np.abs(np.cos(angles) - c).max(), np.abs(np.sin(angles) - s).max()) > NEAR:
        return None
    return tuple(int(i) for i in steps), axes[0]
