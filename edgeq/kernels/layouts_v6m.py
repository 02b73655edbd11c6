"""Weight packers of the kernels for Cortex-M0 and M0+: one table with everything about an output channel."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.kernels.layouts import LAYOUTS, as_int8, blocks, factors, rows

_NONE: Array = np.zeros(0, dtype=np.int32)


def _tables(node: Node, channels: int, extra_bias: Array | int = 0) -> dict[str, Any]:
    """`multiplier` is [channel][3]: bias, multiplier, shift to the right; filled up to blocks of `channels`."""
    bias, multiplier, right = factors(node)
    table = np.stack([bias + extra_bias, multiplier, right], axis=1)
    fill = -len(table) % channels
    return {
        "bias": _NONE,
        "multiplier": np.pad(table, ((0, fill), (0, 0)), constant_values=1).astype(np.int32),
        "shift": _NONE.astype(np.int8),
    }


def conv_2_channels_records(node: Node) -> dict[str, Any]:
    """[o / 2][tap][2] of weight + 128, taps filled up to a multiple of 4 with 0; tables as `_tables`.

    The kernel sums u * v with u = x + 128, v = w + 128 and subtracts 128 * sum(u); what remains is constant and in the
    bias.
    """
    unsigned = rows(node).astype(np.int64) + 128
    extra = 128 * 128 * unsigned.shape[1] - 128 * unsigned.sum(axis=1)
    return {"weights": as_int8(blocks(unsigned, 2, 4).transpose(0, 2, 3, 1)), **_tables(node, 2, extra)}


def dense_4_outputs_records(node: Node) -> dict[str, Any]:
    """[o / 4][i][4] of weight + 128; tables as `_tables`. The kernel takes 128 * sum(x) off."""
    unsigned = rows(node).astype(np.int64) + 128
    return {"weights": as_int8(blocks(unsigned, 4, 1).transpose(0, 2, 3, 1)), **_tables(node, 4)}


def depthwise_3x3_words(node: Node) -> dict[str, Any]:
    """A line of input zero points, channels filled up to a multiple of 4; then 20 bytes per channel.

    Those are bias and multiplier (words), 9 weights, the shift to the right, and two bytes of nothing.
    """
    bias, multiplier, right = factors(node)
    words = np.ascontiguousarray(np.stack([bias, multiplier], axis=1).astype("<i4")).view(np.int8)
    nothing = np.zeros((len(bias), 2), dtype=np.int8)
    records = np.concatenate([words, rows(node), right.reshape(-1, 1).astype(np.int8), nothing], axis=1)
    line = np.full(-(-node.params["in_c"] // 4) * 4, node.params["input_zero_point"], dtype=np.int8)
    return {
        "weights": np.concatenate([line, records.astype(np.int8).ravel()]),
        "bias": _NONE,
        "multiplier": _NONE,
        "shift": _NONE.astype(np.int8),
    }


LAYOUTS |= {f.__name__: f for f in (conv_2_channels_records, dense_4_outputs_records, depthwise_3x3_words)}
