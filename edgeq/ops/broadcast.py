"""What the two-operand operators share: shapes that broadcast, and how the kernel walks them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.accumulate import real_clamp
from edgeq.ops.base import Params
from edgeq.ops.fixed_point import clamp_bounds
from edgeq.ops.inferences import Operands, each_inference, operand
from edgeq.ops.row_window import EACH_ROW, RowWindow
from edgeq.ops.strides import merge_axes, packed_steps

ATTRIBUTES: dict[str, Any] = {"clamp_min": None, "clamp_max": None}

LEVELS = ("outer", "middle", "inner")


def broadcast_shape(node: Node) -> tuple[int, ...]:
    """The output shape by the usual rule: aligned at the last axis, 1 stretches."""
    a, b = node.input(0).shape, node.input(1).shape
    try:
        return tuple(int(d) for d in np.broadcast_shapes(a, b))
    except ValueError:
        raise ValueError(f"shapes {list(a)} and {list(b)} do not broadcast") from None


def apply_pairs(node: Node, inputs: Operands, function: Callable[[Array, Array], Array]) -> Array:
    """`function` on the broadcast operands of every inference."""

    def one(block: Operands) -> Array:
        return function(operand(block, 0), operand(block, 1))

    a, b = node.input(0), node.input(1)
    stacked = [v.shape for v in (a, b) if not v.is_constant]
    ranks = {len(s) for s in (a.shape, b.shape)}
    if all(s and s[0] == 1 for s in stacked) and (len(ranks) == 1 or _constant_is_shorter(node)):
        return one(inputs)
    return each_inference(node, inputs, one)


def _constant_is_shorter(node: Node) -> bool:
    a, b = node.input(0), node.input(1)
    short, long = (a, b) if len(a.shape) < len(b.shape) else (b, a)
    return short.is_constant and not long.is_constant


def real_pairs(node: Node, inputs: Operands, function: Callable[[Array, Array], Array]) -> list[Array]:
    """As `apply_pairs`, in float64 and with the node's clamp."""
    y = apply_pairs(node, inputs, lambda a, b: function(a.astype(np.float64), b.astype(np.float64)))
    return [real_clamp(node, y)]


def loop_params(node: Node) -> Params:
    """Three nested loops and the element steps of both operands in each: `outer`, `a_outer`, `b_outer`, ..."""
    shape = node.output.shape

    def steps(operand_shape: tuple[int, ...]) -> list[int]:
        padded = (1,) * (len(shape) - len(operand_shape)) + operand_shape
        return [0 if d == 1 else s for d, s in zip(padded, packed_steps(padded), strict=True)]

    extents, (a, b) = merge_axes(shape, steps(node.input(0).shape), steps(node.input(1).shape))
    missing = len(LEVELS) - len(extents)
    if missing < 0:
        raise UnsupportedError(
            f"broadcasting {list(node.input(0).shape)} with {list(node.input(1).shape)} needs {len(extents)} loops",
            where=node.name,
            hint=f"at most {len(LEVELS)} are supported",
        )
    params: Params = {}
    for name, values in (("", [1] * missing + extents), ("a_", [0] * missing + a), ("b_", [0] * missing + b)):
        params.update({name + level: value for level, value in zip(LEVELS, values, strict=True)})
    return params


def pair_rows(node: Node) -> RowWindow | None:
    """`Operator.row_window`: constants must be the same for all rows, and only they may stretch along them."""
    for value in (node.input(0), node.input(1)):
        allowed = ((), (1,)) if value.is_constant else (node.output.shape[-3:-2],)
        if value.shape[-3:-2] not in allowed:
            return None
    return EACH_ROW


def output_params(node: Node) -> Params:
    """Zero point and clamp of the output."""
    y = node.output
    low, high = clamp_bounds(
        y.scale, y.zero_point, node.attrs["clamp_min"], node.attrs["clamp_max"], y.type.dtype.bounds
    )
    return {"output_zero_point": y.zero_point, "clamp_min": low, "clamp_max": high}
