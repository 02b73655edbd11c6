"""Normalization of groups of channels over all pixels: GroupNorm, and InstanceNorm, whose groups are single channels.

The arithmetic is that of `layer_norm` (centred), with all numbers of a group as one row and a gain and an offset per
channel instead of per column.
"""

from __future__ import annotations

from math import prod
from typing import ClassVar

import numpy as np

from edgeq.ir.graph import Node, Value
from edgeq.ir.types import Array, TensorType
from edgeq.ops.base import Operator, Params
from edgeq.ops.inferences import Operands, operand, require_int8, require_one_image
from edgeq.ops.layer_norm import LayerNorm
from edgeq.ops.registry import register


@register
class GroupNorm(Operator):
    """y = (x - mean) / sqrt(variance + epsilon) * gain + offset; inputs [x[N, ..., C], gain[C], offset[C]].

    Mean and variance are over all places of C / groups neighbouring channels.
    """

    name = "group_norm"
    summary = "GroupNormalization, InstanceNormalization"
    attributes: ClassVar = {"groups": ..., "epsilon": 1e-5}
    folds_operands = True

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        x, groups = node.input(0).shape, node.attrs["groups"]
        if len(x) < 2 or groups < 1 or x[-1] % groups:
            raise ValueError(f"{groups} groups of an input of shape {list(x)}")
        for index in (1, 2):
            if node.input(index).shape != x[-1:]:
                raise ValueError(f"gain or offset of shape {list(node.input(index).shape)} for {x[-1]} channels")
        return [x]

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        x, gain, offset = (operand(inputs, i).astype(np.float64) for i in range(3))
        rows = _rows(x, node.attrs["groups"])
        d = rows - rows.mean(axis=-1, keepdims=True)
        normal = d / np.sqrt((d * d).mean(axis=-1, keepdims=True) + node.attrs["epsilon"])
        return [_images(normal, x.shape) * gain + offset]

    def lower(self, node: Node) -> Params:
        """Those of a LayerNorm over the groups as rows; its multipliers and offsets are per channel."""
        x, y, groups = node.input(0), node.output, node.attrs["groups"]
        require_int8(Node(node.op, node.name, [x], [y]))
        require_one_image(node)
        row = TensorType((groups, x.type.elements // groups), x.type.dtype, x.type.quantization)
        operands = [Value(x.name, row), *node.inputs[1:]]
        same = LayerNorm().lower(
            Node("layer_norm", node.name, operands, [y], {"epsilon": node.attrs["epsilon"], "centred": True})
        )
        kept = ("epsilon_high", "epsilon_low", "spare", "headroom", "fraction")
        return {
            "pixels": prod(x.shape[1:-1]),
            "groups": groups,
            "width": x.shape[-1] // groups,
            **{key: same[key] for key in kept},
            "multipliers": same["multipliers"],
            "offsets": same["offsets"],
            "output_zero_point": same["output_zero_point"],
        }

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        p, x = node.params, operand(inputs, 0)
        columns = {
            key: np.tile(p[key].reshape(p["groups"], p["width"]), p["pixels"]) for key in ("multipliers", "offsets")
        }
        row = Node("layer_norm", node.name, node.inputs, node.outputs)
        row.params = {**p, **columns, "centred": 1, "columns": p["pixels"] * p["width"]}
        (y,) = LayerNorm().compute_integer(row, [_rows(x, p["groups"])])
        return [_images(y, x.shape)]


def _rows(x: Array, groups: int) -> Array:
    """[N, ..., C] -> [N, groups, places * C / groups]."""
    parted = x.reshape(len(x), -1, groups, x.shape[-1] // groups)
    return np.moveaxis(parted, 2, 1).reshape(len(x), groups, -1)


def _images(rows: Array, shape: tuple[int, ...]) -> Array:
    """The inverse of `_rows`."""
    count, groups, _ = rows.shape
    parted = rows.reshape(count, groups, -1, shape[-1] // groups)
    return np.moveaxis(parted, 1, 2).reshape(shape)
