"""LayerNorm as Keras spells it: x g + (offset - mean g) with g = gain / sqrt(variance + epsilon)."""

from __future__ import annotations

import numpy as np

from edgeq.ir.graph import Graph, Node, Value
from edgeq.ir.types import Array
from edgeq.passes.recompose_normalization import deviation_of, root_of
from edgeq.passes.rewrite import Uses, is_plain, is_real, new_constant, value_and_number


def gather_normalization(graph: Graph) -> bool:
    """Real graphs. Returns whether any was found."""
    changed = False
    for node in list(graph.nodes):
        if is_plain(node, "add") and is_real(*node.outputs):
            changed |= any(_gathered(graph, node, at) for at in (0, 1))
    if changed:
        graph.remove_dead()
    return changed


def _gathered(graph: Graph, node: Node, at: int) -> bool:
    uses = Uses(graph)
    product, shift = uses.private_producer(node.input(at), "mul"), _shift(uses, node.input(1 - at))
    if product is None or not is_plain(product, "mul") or shift is None:
        return False
    for place in (0, 1):
        x, g = product.input(1 - place), product.input(place)
        factor = _factor(uses, g)
        if factor is None or shift[1] is not g:
            continue
        root = root_of(uses, factor[0], -0.5)
        columns = x.shape[-1]
        if root is None or root[2] != (len(x.shape) - 1,) or deviation_of(uses, root[0], root[2]) is not x:
            continue
        difference = uses.producer(root[0])
        if difference is None or difference.input(1) is not shift[0] or shift[2].size not in (1, columns):
            continue
        operands = [x]
        for name, numbers in (("gain", factor[1]), ("offset", shift[2])):
            vector = np.broadcast_to(numbers.reshape(-1), (columns,)).astype(np.float32)
            operands.append(new_constant(graph, f"{node.name}.{name}", vector))
        node.op, node.inputs, node.attrs = "layer_norm", list(operands), {"epsilon": root[1], "centred": True}
        return True
    return False


def _factor(uses: Uses, g: Value) -> tuple[Value, Array] | None:
    """(1 / deviation, gain) of their product."""
    node = uses.producer(g)
    if node is None or not is_plain(node, "mul"):
        return None
    for at in (0, 1):
        if node.input(at).is_constant and is_real(node.input(at)) and node.input(at).type.elements == g.shape[-1]:
            return node.input(1 - at), node.input(at).constant
    return None


def _shift(uses: Uses, value: Value) -> tuple[Value, Value, Array] | None:
    """(mean, g, offset) of offset - mean g, where the mean may be negated first."""
    node = uses.private_producer(value, "add", "sub")
    if node is None or not is_plain(node, "add", "sub"):
        return None
    for at in (0, 1):
        constant, product = node.input(at), uses.private_producer(node.input(1 - at), "mul")
        if not constant.is_constant or not is_real(constant) or product is None or not is_plain(product, "mul"):
            continue
        if node.op == "sub":
            sides = [(product.input(i), product.input(1 - i)) for i in (0, 1)] if at == 0 else []
        else:
            sides = [(m, product.input(1 - i)) for i in (0, 1) if (m := _negated(uses, product.input(i))) is not None]
        for mean, g in sides:
            maker = uses.producer(mean)
            if maker is not None and maker.op == "mean":
                return mean, g, constant.constant
    return None


def _negated(uses: Uses, value: Value) -> Value | None:
    """x where the value is -x."""
    node = uses.private_producer(value, "mul")
    found = value_and_number(node) if node is not None and is_plain(node, "mul") else None
    return found[0] if found is not None and found[1] == -1.0 else None
