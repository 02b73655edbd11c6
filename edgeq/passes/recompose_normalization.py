"""LayerNorm, RMSNorm, InstanceNorm and gelu that exporters spell out, as one operator each.

The links of a chain are matched from its end; every link but the first must have no other reader, so that nothing is
computed twice. Gains and offsets per channel that follow a normalization are taken into it.
"""

from __future__ import annotations

from math import isclose, pi, sqrt

import numpy as np

from edgeq.ir.graph import Attr, Graph, Node, Value
from edgeq.ir.types import Array
from edgeq.passes.rewrite import (
    Uses,
    insert_before,
    inverse,
    is_plain,
    is_real,
    new_constant,
    new_node,
    real_number,
    take_over,
    value_and_number,
)

LARGEST_EPSILON = 0.1
NORMS = ("layer_norm", "group_norm")

Root = tuple[Value, float, tuple[int, ...]]


def recompose_normalization(graph: Graph) -> bool:
    """Real graphs. Returns whether anything was found."""
    changed = False
    for node in list(graph.nodes):
        if any(n is node for n in graph.nodes) and is_real(*node.outputs):
            changed |= _gelu(graph, node) or _normalization(graph, node) or _gain(graph, node)
    if changed:
        graph.remove_dead()
    return changed


def _through(uses: Uses, value: Value, op: str) -> tuple[Value, float] | None:
    """(x, c) where `value` is x + c or x * c and has no other reader."""
    node = uses.private_producer(value, op)
    return value_and_number(node) if node is not None and is_plain(node, op) else None


def _gelu(graph: Graph, node: Node) -> bool:
    """x / 2 * (1 + erf(x / sqrt(2))), the half before, between or after the products; with tanh, its approximation."""
    if not is_plain(node, "mul"):
        return False
    uses = Uses(graph)
    half = value_and_number(node)
    product = node if half is None else uses.private_producer(half[0], "mul")
    if product is None or not is_plain(product, "mul"):
        return False
    factor = 1.0 if half is None else half[1]
    for at in (0, 1):
        one = _through(uses, product.input(at), "add")
        if one is None or one[1] != 1.0:
            continue
        curve = uses.private_producer(one[0], "erf", "tanh")
        source = None if curve is None else _argument(uses, curve)
        if curve is None or source is None:
            continue
        x = product.input(1 - at)
        if x is not source:
            scaled = _through(uses, x, "mul")
            if scaled is None or scaled[0] is not source:
                continue
            factor *= scaled[1]
        if isclose(factor, 0.5, rel_tol=1e-6):
            node.op, node.inputs, node.attrs = "gelu", [source], {"approximate": curve.op == "tanh"}
            return True
    return False


def _argument(uses: Uses, curve: Node) -> Value | None:
    """x of erf(x / sqrt(2)), or of tanh(sqrt(2 / pi) (x + 0.044715 x^3))."""
    inner = _through(uses, curve.input(0), "mul")
    if inner is None:
        return None
    if curve.op == "erf":
        return inner[0] if isclose(inner[1], sqrt(0.5), rel_tol=1e-5) else None
    total = uses.private_producer(inner[0], "add")
    if total is None or not is_plain(total, "add") or not isclose(inner[1], sqrt(2 / pi), rel_tol=1e-5):
        return None
    for at in (0, 1):
        cubic, x = _through(uses, total.input(at), "mul"), total.input(1 - at)
        if cubic is not None and isclose(cubic[1], 0.044715, rel_tol=1e-5) and _is_cube(uses, cubic[0], x):
            return x
    return None


def _is_cube(uses: Uses, value: Value, x: Value) -> bool:
    """Whether the value is x^3, as a power or as two products."""
    node = uses.private_producer(value, "power", "mul")
    if node is None:
        return False
    if node.op == "power":
        return bool(node.attrs["exponent"] == 3.0 and node.input(0) is x)
    for at in (0, 1):
        square = uses.private_producer(node.input(at), "mul")
        if node.input(1 - at) is x and square is not None and is_plain(square, "mul") and is_plain(node, "mul"):
            return square.input(0) is x and square.input(1) is x
    return False


def _normalization(graph: Graph, node: Node) -> bool:
    """d / sqrt(mean(d^2) + epsilon), or d times the reciprocal; d is x - mean(x), or x itself.

    Over the last axis, or over all but one and the first.
    """
    uses = Uses(graph)
    if is_plain(node, "div"):
        found = root_of(uses, node.input(1), 0.5)
        d = node.input(0)
    elif is_plain(node, "mul"):
        sides = [(node.input(1 - at), _inverse_root(uses, node.input(at))) for at in (0, 1)]
        d, found = next(((d, root) for d, root in sides if root is not None), (node.input(0), None))
    else:
        return False
    if found is None or found[0] is not d or d.is_constant:
        return False
    axes, rank = found[2], len(d.shape)
    x = deviation_of(uses, d, axes)
    if axes != (rank - 1,):
        kept = [a for a in range(1, rank) if a not in axes]
        if x is None or 0 in axes or len(kept) != 1:
            return False
        _instance_norm(graph, node, x, kept[0], found[1])
        return True
    columns = d.shape[-1]
    gain = new_constant(graph, f"{node.name}.gain", np.ones(columns, np.float32))
    offset = new_constant(graph, f"{node.name}.offset", np.zeros(columns, np.float32))
    node.op, node.attrs = "layer_norm", {"epsilon": found[1], "centred": x is not None}
    node.inputs = [d if x is None else x, gain, offset]
    return True


def _instance_norm(graph: Graph, node: Node, x: Value, channel: int, epsilon: float) -> None:
    """Axis `channel` comes last around the normalization of its numbers over all others."""
    channels, rank = x.shape[channel], len(x.shape)
    gain = new_constant(graph, f"{node.name}.gain", np.ones(channels, np.float32))
    offset = new_constant(graph, f"{node.name}.offset", np.zeros(channels, np.float32))
    attrs: dict[str, Attr] = {"groups": channels, "epsilon": epsilon}
    if channel == rank - 1:
        node.op, node.inputs, node.attrs = "group_norm", [x, gain, offset], attrs
        return
    last = (*(a for a in range(rank) if a != channel), channel)
    turn = new_node(graph, "transpose", f"{node.name}.channel_last", [x], {"perm": last})
    norm = new_node(graph, "group_norm", f"{node.name}.norm", [turn.output, gain, offset], attrs)
    insert_before(graph, node, turn, norm)
    node.op, node.inputs, node.attrs = "transpose", [norm.output], {"perm": inverse(last)}


def _inverse_root(uses: Uses, value: Value) -> Root | None:
    """(d, epsilon, axes) of 1 / sqrt(mean(d^2) + epsilon)."""
    maker = uses.private_producer(value, "power", "div")
    if maker is None:
        return None
    if maker.op == "div":
        return root_of(uses, maker.input(1), 0.5) if real_number(maker.optional(0)) == 1.0 else None
    if maker.attrs["exponent"] == -0.5:
        return root_of(uses, value, -0.5)
    return root_of(uses, maker.input(0), 0.5) if maker.attrs["exponent"] == -1.0 else None


def root_of(uses: Uses, value: Value, exponent: float) -> Root | None:
    """(d, epsilon, axes) of (mean(d^2) + epsilon) ** exponent over the axes."""
    root = uses.private_producer(value, "power")
    if root is None or root.attrs["exponent"] != exponent:
        return None
    shifted = _through(uses, root.input(0), "add")
    if shifted is None or not 0 <= shifted[1] < LARGEST_EPSILON:
        return None
    mean = uses.private_producer(shifted[0], "mean")
    axes = None if mean is None else _averaged_axes(mean)
    square = None if mean is None or axes is None else uses.private_producer(mean.input(0), "power", "mul")
    if square is None or axes is None:
        return None
    if square.op == "power":
        return (square.input(0), shifted[1], axes) if square.attrs["exponent"] == 2.0 else None
    same = is_plain(square, "mul") and square.input(0) is square.input(1)
    return (square.input(0), shifted[1], axes) if same else None


def _averaged_axes(mean: Node) -> tuple[int, ...] | None:
    """The axes from the front, in order; None where they vanish."""
    rank = len(mean.input(0).shape)
    return tuple(sorted({a % rank for a in mean.attrs["axes"]})) if mean.attrs["keepdims"] else None


def deviation_of(uses: Uses, d: Value, axes: tuple[int, ...]) -> Value | None:
    """x where d is x - mean(x) over the axes."""
    difference = uses.producer(d)
    if difference is None or not is_plain(difference, "sub"):
        return None
    mean = uses.producer(difference.input(1))
    x = difference.input(0)
    same = mean is not None and mean.op == "mean" and mean.input(0) is x and _averaged_axes(mean) == axes
    return x if same else None


def _gain(graph: Graph, node: Node) -> bool:
    """A product or sum with one number per channel, right behind a normalization."""
    if not is_plain(node, "mul", "add"):
        return False
    for at in (0, 1):
        vector, norm = node.input(at), Uses(graph).private_producer(node.input(1 - at), *NORMS)
        if norm is None or not vector.is_constant or not is_real(vector):
            continue
        if not _per_channel(vector, node.output):
            if norm.op == "layer_norm" and norm.attrs["centred"] and _per_row(vector, norm):
                _instance_norm(graph, norm, norm.input(0), 1, norm.attrs["epsilon"])
                return True
            continue
        numbers = np.broadcast_to(vector.constant.reshape(-1), node.output.shape[-1:]).astype(np.float64)
        gain, offset = (norm.input(i).constant.astype(np.float64) for i in (1, 2))
        new = (gain * numbers, offset * numbers) if node.op == "mul" else (gain, offset + numbers)
        norm.inputs[1:] = [_like(graph, norm, name, a) for name, a in zip(("gain", "offset"), new, strict=True)]
        take_over(graph, norm, node)
        return True
    return False


def _per_channel(vector: Value, output: Value) -> bool:
    return vector.type.elements == 1 or vector.type.elements == vector.shape[-1] == output.shape[-1]


def _per_row(vector: Value, norm: Node) -> bool:
    """Rows of [N, C, L] are what is gained: an InstanceNorm, whose own gain and offset are still 1 and 0."""
    rows = norm.output.shape
    plain = (norm.input(1).constant == 1).all() and (norm.input(2).constant == 0).all()
    return bool(len(rows) == 3 and vector.shape[-2:] == (rows[1], 1) and vector.type.elements == rows[1] and plain)


def _like(graph: Graph, node: Node, name: str, array: Array) -> Value:
    return new_constant(graph, f"{node.name}.{name}", array.astype(np.float32))
