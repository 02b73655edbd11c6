"""LayerNorm, RMSNorm and gelu that exporters spell out, as one operator each.

The links of a chain are matched from its end; every link but the first must have no other reader, so that nothing is
computed twice. Gains and offsets per channel that follow a normalization are taken into it.
"""

from __future__ import annotations

from math import isclose, sqrt

import numpy as np

from edgeq.ir.graph import Graph, Node, Value
from edgeq.ir.types import Array
from edgeq.passes.rewrite import (
    Uses,
    is_plain,
    is_real,
    new_constant,
    real_number,
    take_over,
    value_and_number,
)

LARGEST_EPSILON = 0.1


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
    """x / 2 * (1 + erf(x / sqrt(2))), the half before, between or after the products."""
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
        erf = uses.private_producer(one[0], "erf")
        inner = None if erf is None else _through(uses, erf.input(0), "mul")
        if inner is None or not isclose(inner[1], sqrt(0.5), rel_tol=1e-5):
            continue
        x = product.input(1 - at)
        if x is not inner[0]:
            scaled = _through(uses, x, "mul")
            if scaled is None or scaled[0] is not inner[0]:
                continue
            factor *= scaled[1]
        if isclose(factor, 0.5, rel_tol=1e-6):
            node.op, node.inputs, node.attrs = "gelu", [inner[0]], {"approximate": False}
            return True
    return False


def _normalization(graph: Graph, node: Node) -> bool:
    """d / sqrt(mean(d^2) + epsilon), or d times the reciprocal; d is x - mean(x), or x itself."""
    uses = Uses(graph)
    if is_plain(node, "div"):
        found = _root(uses, node.input(1), 0.5)
        d = node.input(0)
    elif is_plain(node, "mul"):
        sides = [(node.input(1 - at), _inverse_root(uses, node.input(at))) for at in (0, 1)]
        d, found = next(((d, root) for d, root in sides if root is not None), (node.input(0), None))
    else:
        return False
    if found is None or found[0] is not d or d.is_constant:
        return False
    x = _deviation(uses, d)
    columns = d.shape[-1]
    gain = new_constant(graph, f"{node.name}.gain", np.ones(columns, np.float32))
    offset = new_constant(graph, f"{node.name}.offset", np.zeros(columns, np.float32))
    node.op, node.attrs = "layer_norm", {"epsilon": found[1], "centred": x is not None}
    node.inputs = [d if x is None else x, gain, offset]
    return True


def _inverse_root(uses: Uses, value: Value) -> tuple[Value, float] | None:
    """(d, epsilon) of 1 / sqrt(mean(d^2) + epsilon)."""
    maker = uses.private_producer(value, "power", "div")
    if maker is None:
        return None
    if maker.op == "div":
        return _root(uses, maker.input(1), 0.5) if real_number(maker.optional(0)) == 1.0 else None
    if maker.attrs["exponent"] == -0.5:
        return _root(uses, value, -0.5)
    return _root(uses, maker.input(0), 0.5) if maker.attrs["exponent"] == -1.0 else None


def _root(uses: Uses, value: Value, exponent: float) -> tuple[Value, float] | None:
    """(d, epsilon) of (mean(d^2) + epsilon) ** exponent over the last axis."""
    root = uses.private_producer(value, "power")
    if root is None or root.attrs["exponent"] != exponent:
        return None
    shifted = _through(uses, root.input(0), "add")
    if shifted is None or not 0 <= shifted[1] < LARGEST_EPSILON:
        return None
    mean = uses.private_producer(shifted[0], "mean")
    square = None if mean is None or not _last_axis(mean) else uses.private_producer(mean.input(0), "power", "mul")
    if square is None:
        return None
    if square.op == "power":
        return (square.input(0), shifted[1]) if square.attrs["exponent"] == 2.0 else None
    same = is_plain(square, "mul") and square.input(0) is square.input(1)
    return (square.input(0), shifted[1]) if same else None


def _last_axis(mean: Node) -> bool:
    rank = len(mean.input(0).shape)
    return bool(mean.attrs["keepdims"]) and {a % rank for a in mean.attrs["axes"]} == {rank - 1}


def _deviation(uses: Uses, d: Value) -> Value | None:
    """x where d is x - mean(x) over the last axis."""
    difference = uses.producer(d)
    if difference is None or not is_plain(difference, "sub"):
        return None
    mean = uses.producer(difference.input(1))
    x = difference.input(0)
    return x if mean is not None and mean.op == "mean" and mean.input(0) is x and _last_axis(mean) else None


def _gain(graph: Graph, node: Node) -> bool:
    """A product or sum with one number per channel, right behind a normalization."""
    if not is_plain(node, "mul", "add"):
        return False
    for at in (0, 1):
        vector, norm = node.input(at), Uses(graph).private_producer(node.input(1 - at), "layer_norm")
        if norm is None or not vector.is_constant or not is_real(vector) or not _per_channel(vector, node.output):
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


def _like(graph: Graph, node: Node, name: str, array: Array) -> Value:
    return new_constant(graph, f"{node.name}.{name}", array.astype(np.float32))
