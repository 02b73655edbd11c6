"""Which elements of a lowered graph's values do not depend on its inputs, and what integers they are.

An element is known when nothing that it is computed from is unknown: a sum whose weights are all zero, an activation of
a known element, a window of known elements and padding. The dependence is followed operator by operator, on the side of
caution; the integers are those of one run of the integer reference, whose inputs then do not matter.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgeq.ir.graph import Graph, Node, Value
from edgeq.ir.types import Array
from edgeq.ops.execute import run_integer
from edgeq.ops.lookup import TableOperator
from edgeq.ops.registry import operator

Unknown = list[Array]
"""For every input of a node: 1.0 where an element depends on the graph's inputs, else 0.0."""


def known_elements(graph: Graph) -> tuple[dict[int, Array], dict[int, Array]]:
    """`id(value)` -> which elements are known, and `id(value)` -> integers that are right where they are known."""
    integers: dict[int, Array] = {}

    def observe(value: Value, array: Array) -> None:
        integers[id(value)] = array

    generator = np.random.default_rng(0)
    noise = {v.name: generator.integers(*v.type.bounds, v.shape, v.type.dtype.numpy) for v in graph.inputs}
    run_integer(graph, noise, observe)
    unknown: dict[int, Array] = {id(v): np.ones(v.shape) for v in graph.inputs}
    for node in graph.nodes:
        for value in node.inputs:
            if value is not None and value.is_constant:
                unknown[id(value)] = np.zeros(value.shape)
        depends = _depends(node, [unknown[id(v)] for v in node.inputs if v is not None])
        for value in node.outputs:
            unknown[id(value)] = depends if depends is not None else np.ones(value.shape)
    return {key: integers[key] for key in integers}, {key: unknown[key] == 0 for key in integers}


def _depends(node: Node, inputs: Unknown) -> Array | None:
    """Unknown elements of the only output; None: all of them."""
    if not any(x.any() for x in inputs):
        return np.zeros(node.output.shape)
    row = operator(node.op)
    if row.accumulates:
        return _sums(node, inputs[0])
    if isinstance(row, TableOperator):
        return inputs[0]
    rule = _RULES.get(node.op)
    return None if rule is None else rule(node, inputs)


def _sums(node: Node, x: Array) -> Array:
    """A sum is unknown when an unknown element meets a weight that is not zero; padding is known."""
    weights = (node.params["weights"] != 0).astype(np.float64)
    return _shadow(node, [x, weights], {"clamp_min": None, "clamp_max": None})


def _shadow(node: Node, inputs: Unknown, attrs: dict[str, object] | None = None, op: str | None = None) -> Array:
    """Where the operator's real result is positive, given 1.0 for unknown: which outputs an unknown element reaches."""
    twin = Node(op or node.op, node.name, node.inputs[: len(inputs)], node.outputs, {**node.attrs, **(attrs or {})})
    (reached,) = operator(twin.op).compute(twin, inputs)
    return (reached > 0).astype(np.float64)


def _moved(node: Node, inputs: Unknown) -> Array:
    return _shadow(node, inputs)


def _pooled(node: Node, inputs: Unknown) -> Array:
    return _shadow(node, inputs, {"clamp_min": None, "clamp_max": None})


def _paired(node: Node, inputs: Unknown) -> Array:
    return _shadow(node, inputs, {"clamp_min": None, "clamp_max": None}, "add")


def _padded(node: Node, inputs: Unknown) -> Array:
    return _shadow(node, inputs, {"value": 0.0})


_RULES: dict[str, Callable[[Node, Unknown], Array]] = {
    **dict.fromkeys(("add", "sub", "mul"), _paired),
    **dict.fromkeys(("max_pool2d", "avg_pool2d"), _pooled),
    **dict.fromkeys(("mean", "reshape", "transpose", "concat", "slice", "resize_nearest"), _moved),
    "pad": _padded,
}
"""Operators without a row are taken to mix everything."""
