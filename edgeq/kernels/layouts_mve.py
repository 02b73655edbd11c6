"""Weight packers of the kernels for Arm cores with MVE. Shifts are to the left, so they are negative."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.kernels.layouts import LAYOUTS, blocks, factors, rows
from edgeq.ops import operator
from edgeq.ops.accumulate import constant_channels, untied_multipliers

LANES = [0, 2, 4, 6, 1, 3, 5, 7]
"""The channels of 8 in the order of their sums: even ones first."""


def _tables(
    bias: Array, multiplier: Array, right: Array, channels: int, order: list[int] | None = None
) -> dict[str, Any]:
    """Bias, multiplier and shift, filled up to whole blocks of `channels`, each block in `order`."""
    fill = -len(bias) % channels

    def table(values: Array, neutral: int, dtype: type) -> Array:
        filled = np.pad(values, (0, fill), constant_values=neutral).reshape(-1, channels)
        return np.ascontiguousarray(filled if order is None else filled[:, order]).astype(dtype).ravel()

    return {
        "bias": table(bias, 0, np.int32),
        "multiplier": table(multiplier, 0, np.int32),
        "shift": table(-right, -1, np.int8),
    }


def conv_4_channels_of_16(node: Node) -> dict[str, Any]:
    """[o / 4][taps / 16][4][16], filled up with zeros."""
    return {"weights": blocks(rows(node), 4, 16).transpose(0, 2, 1, 3), **_tables(*factors(node), 4)}


def dense_4_outputs_of_16(node: Node) -> dict[str, Any]:
    """[o / 4][in_c / 16][4][16], filled up with zeros; multipliers that round half up know no ties."""
    bias, multiplier, right = factors(node)
    constant = constant_channels(node, operator(node.op).weight_axis)
    multiplier = np.where(constant | (multiplier == 0), multiplier, untied_multipliers(node))
    return {"weights": blocks(rows(node), 4, 16).transpose(0, 2, 1, 3), **_tables(bias, multiplier, right, 4)}


def depthwise_8_channels(node: Node) -> dict[str, Any]:
    """A line of input zero points, channels filled up to 8; then [c / 8][tap][8]."""
    packed = blocks(rows(node), 8, 1).transpose(0, 2, 3, 1)
    padding = np.full(-(-node.params["in_c"] // 8) * 8, node.params["input_zero_point"], dtype=np.int8)
    return {"weights": np.concatenate([padding, packed.ravel()]), **_tables(*factors(node), 8, LANES)}


LAYOUTS |= {f.__name__: f for f in (conv_4_channels_of_16, dense_4_outputs_of_16, depthwise_8_channels)}
