"""Tensors that are other tensors' elements, moved about: where they lie, as strides."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from edgeq.ir.graph import Node, Value
from edgeq.ir.types import Array
from edgeq.ops.registry import operator
from edgeq.passes.rewrite import Uses, is_plain, value_and_number

MOVERS = ("reshape", "transpose", "slice")


@dataclass(frozen=True)
class View:
    """Elements of `base`, times `factor`: at `index` of its flat memory, one entry per element of the view."""

    base: Value
    index: Array
    factor: float = 1.0


def moved(node: Node, index: Array) -> Array:
    """What a mover makes of an array in place of its input."""
    (result,) = operator(node.op).compute(node, [index.reshape(node.input(0).shape)] * len(node.inputs))
    return result


def sources(uses: Uses, value: Value) -> list[View]:
    """What `value` is a view of: itself, and whatever movers and products with numbers made it from, nearest first."""
    index = np.arange(value.type.elements).reshape(value.shape)
    found = [View(value, index)]
    while (node := uses.producer(found[-1].base)) is not None:
        last = found[-1]
        if node.op in MOVERS or _repeats(node):
            x = node.input(0)
            index = moved(node, np.arange(x.type.elements)).reshape(-1)[last.index]
            found.append(View(x, index, last.factor))
        elif is_plain(node, "mul") and (pair := value_and_number(node)) is not None:
            found.append(View(pair[0], last.index, last.factor * pair[1]))
        else:
            break
    return found


def _repeats(node: Node) -> bool:
    """One value joined to itself, as heads that share keys have it."""
    return node.op == "concat" and all(value is node.input(0) for value in node.inputs)


def steps(index: Array) -> tuple[int, ...] | None:
    """(start, step of every axis) of an array of positions; None where they are no strides. An axis of 1 has step 0."""
    start = int(index.flat[0])
    found = [int(np.take(index, 1, axis).flat[0]) - start if n > 1 else 0 for axis, n in enumerate(index.shape)]
    grid = np.full(index.shape, start)
    for axis, step in enumerate(found):
        grid += (np.arange(index.shape[axis]) * step).reshape([-1 if a == axis else 1 for a in range(index.ndim)])
    return (start, *found) if min(found, default=0) >= 0 and np.array_equal(grid, index) else None


def results(uses: Uses, value: Value) -> list[tuple[Value, Array, Node | None]]:
    """Where the elements of `value` end up: in itself, and in whatever movers alone make of it, nearest first.

    Of each the value, the position of every element in its flat memory, and the node that makes it (None: the first).
    """
    found: list[tuple[Value, Array, Node | None]] = [(value, np.arange(value.type.elements).reshape(value.shape), None)]
    content = found[0][1]
    while (node := uses.only_reader(found[-1][0])) is not None and node.op in ("reshape", "transpose"):
        content = moved(node, content)
        place = np.empty(prod(value.shape), dtype=np.int64)
        place[content.reshape(-1)] = np.arange(place.size)
        found.append((node.output, place.reshape(value.shape), node))
    return found
