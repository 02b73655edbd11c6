"""Attention found again: two products with softmax between them, however exporters arrange heads, scales and masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from edgeq.errors import InternalError
from edgeq.ir.graph import Attr, Graph, Node, Value
from edgeq.ops.inferences import normal_axis
from edgeq.passes.rewrite import Uses, insert_before, is_plain, is_real, new_node, remove, take_over, value_and_number
from edgeq.passes.views import View, results, sources, steps

BLOCKED = -1e4
"""A mask adds this or less to scores that shall not count, and 0 to the others."""


@dataclass(frozen=True)
class _Scores:
    """The first product, what its result is multiplied with before softmax, and whether later keys are masked."""

    product: Node
    scale: float
    causal: bool


def recompose_attention(graph: Graph) -> bool:
    """matmul(softmax(scale * matmul(q, k) + mask), v) -> attention, read and written where the tensors lie.

    Real graphs; masks that are causal or mask nothing. With one key -> v. Returns whether any was found.
    """
    changed = False
    for node in list(graph.nodes):
        if node.op == "softmax" and is_real(*node.inputs):
            changed |= _recompose(graph, node)
    return changed


def _recompose(graph: Graph, softmax: Node) -> bool:
    uses = Uses(graph)
    product = uses.only_reader(softmax.output)
    rank = len(softmax.output.shape)
    if product is None or product.op != "matmul" or product.input(0) is not softmax.output or rank < 2:
        return False
    if product.input(1) is softmax.output or normal_axis(softmax.attrs["axis"], rank) != rank - 1:
        return False
    if softmax.output.shape[-1] == 1 and product.input(1).type.elements == product.output.type.elements:
        _pass_on(graph, product)
        return True
    scores = _scores(uses, softmax)
    computed = [] if scores is None else [*map(scores.product.input, (0, 1)), product.input(1)]
    if scores is None or any(v.is_constant for v in computed) or softmax.output.shape != scores.product.output.shape:
        return False
    rows = [(scores.product, 1, not scores.product.attrs["transpose_b"]), (product, 1, product.attrs["transpose_b"])]
    lead = softmax.output.shape[:-2]
    q = _placed(uses, computed[0], lead, False)
    k, v = (_placed(uses, n.input(at), lead, swapped) for n, at, swapped in rows)
    group, found = _bases(q, k, v)
    (queries, keys), heads = softmax.output.shape[-2:], (lead or (1,))[-1]
    extents = (prod(lead) // heads, heads, queries, product.output.shape[-1])
    scale = scores.scale * found[0][0].factor * found[1][0].factor
    if scale <= 0:
        return False
    result, y_view, last = _written(uses, product.output, extents)
    attrs: dict[str, Attr] = {
        "batches": extents[0],
        "heads": heads,
        "kv_heads": heads // group,
        "queries": queries,
        "keys": keys,
        "depth": computed[0].shape[-1],
        "columns": extents[3],
        **{name: view for name, (_, view) in zip(("q_view", "k_view", "v_view"), found, strict=True)},
        "y_view": y_view,
        "shape": result.shape,
        "scale": scale,
        "causal": scores.causal,
    }
    node = new_node(graph, "attention", product.name, [view.base for view, _ in found], attrs)
    insert_before(graph, product, node)
    node.outputs = [result]
    remove(graph, last or product)
    graph.remove_dead()
    node.name = product.name
    return True


def _pass_on(graph: Graph, product: Node) -> None:
    """Attention to a single key gives its values."""
    value = new_node(graph, "reshape", product.name, [product.input(1)], {"shape": product.output.shape})
    insert_before(graph, product, value)
    take_over(graph, value, product)
    graph.remove_dead()


def _scores(uses: Uses, softmax: Node) -> _Scores | None:
    """What the argument of softmax is; None unless it is a product of two computed tensors, with scales and masks."""
    scale, causal, value = float(softmax.attrs["beta"]), False, softmax.input(0)
    while (node := uses.private_producer(value, "matmul", "mul", "add")) is not None:
        if node.op == "matmul":
            return _Scores(node, scale, causal)
        pair = value_and_number(node) if is_plain(node, "mul") else None
        if pair is not None:
            value, scale = pair[0], scale * pair[1]
            continue
        masked = _masked(node)
        if masked is None:
            return None
        value, causal = masked[0], causal or masked[1]
    return None


def _masked(node: Node) -> tuple[Value, bool] | None:
    """(scores, whether the mask is causal) of a sum of scores and a constant mask that blocks some of them."""
    for at in (0, 1):
        mask, scores = node.input(at), node.input(1 - at)
        if not is_plain(node, "add") or not mask.is_constant or scores.shape != node.output.shape:
            continue
        blocked = np.broadcast_to(mask.constant <= BLOCKED, scores.shape)
        if np.any(mask.constant[mask.constant > BLOCKED]):
            return None
        queries, keys = scores.shape[-2:]
        later = np.triu(np.ones((queries, keys), dtype=bool), keys - queries + 1)
        if not blocked.any():
            return scores, False
        return (
            (scores, True)
            if queries <= keys and np.array_equal(blocked, np.broadcast_to(later, blocked.shape))
            else None
        )
    return None


def _placed(uses: Uses, value: Value, lead: Sequence[int], swapped: bool) -> list[View]:
    """The views of a factor as [batches, heads, tokens, elements]."""
    views = []
    for view in sources(uses, value):
        index = view.index.swapaxes(-1, -2) if swapped else view.index
        index = np.broadcast_to(index, (*lead, *index.shape[-2:]))
        heads = lead[-1] if lead else 1
        views.append(View(view.base, index.reshape(-1, heads, *index.shape[-2:]), view.factor))
    return views


_Base = tuple[View, tuple[int, ...]]
"""A strided view, and its attribute (start, batch, head, token)."""


def _bases(q: Sequence[View], k: Sequence[View], v: Sequence[View]) -> tuple[int, list[_Base]]:
    """How many heads in a row share their keys and values, as many as possible; and what q, k and v are read from."""
    heads = q[0].index.shape[1]
    for group in (g for g in range(heads, 0, -1) if heads % g == 0):
        found = [_base(q, 1), _base(k, group), _base([view for view in v if view.factor == 1], group)]
        if None not in found:
            return group, [base for base in found if base is not None]
    raise InternalError("a tensor is no view of itself")


def _base(views: Sequence[View], group: int) -> _Base | None:
    """The tensor furthest up of which a factor is a strided view with the same elements for `group` heads in a row."""
    for view in reversed(views):
        index = view.index[:, ::group]
        if not np.array_equal(view.index, np.repeat(index, group, axis=1)):
            continue
        found = steps(index)
        if found is not None and (found[-1] == 1 or index.shape[-1] == 1):
            return view, found[:-1]
    return None


def _written(uses: Uses, product: Value, extents: tuple[int, ...]) -> tuple[Value, tuple[int, ...], Node | None]:
    """The value furthest down in which the product lies by strides, its `y_view`, and the mover that made it."""
    chosen = None
    for value, place, node in results(uses, product):
        found = steps(place.reshape(extents))
        if found is not None and (found[-1] == 1 or extents[-1] == 1):
            chosen = value, found[1:-1], node
    assert chosen is not None
    return chosen
