"""Weight packers: tables in exactly the order in which a kernel's inner loop reads them.

A layout takes a lowered node and returns the parameters that it replaces in the node's C descriptor. The shapes stay
those of the operator's public header; only the tables change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops import operator

Layout = Callable[[Node], dict[str, Any]]


def plain(node: Node) -> dict[str, Any]:
    """The tables as lowering made them."""
    return {}


def _blocks(weights: Array, channels: int, taps: int) -> Array:
    """[outputs, taps] -> [blocks, channels, steps, taps], filled up with zeros."""
    outputs, width = weights.shape
    blocks, steps = -(-outputs // channels), -(-width // taps)
    filled = np.zeros((blocks * channels, steps * taps), dtype=weights.dtype)
    filled[:outputs, :width] = weights
    return filled.reshape(blocks, channels, steps, taps)


def _rows(node: Node) -> Array:
    """Weights with output channels first, one row of taps each."""
    weights = np.moveaxis(np.asarray(node.params["weights"]), operator(node.op).weight_axis, 0)
    return weights.reshape(weights.shape[0], -1)


def _right_shifts(node: Node) -> Array:
    """Shifts of at least one to the right for every channel: a factor of 0 has none of its own."""
    return np.where(node.params["multiplier"] == 0, -1, node.params["shift"]).astype(np.int8)


def blocks_2_channels(node: Node) -> dict[str, Any]:
    """[o / 2][tap][2], taps filled up to a multiple of 4."""
    packed = _blocks(_rows(node), 2, 4).transpose(0, 2, 3, 1)
    return {"weights": packed, "shift": _right_shifts(node)}


def blocks_2_channels_unsigned(node: Node) -> dict[str, Any]:
    """[o / 2][tap][2] of weight + 128, taps filled up to a multiple of 4 with 0; the bias takes the 128s out again.

    The kernel sums u * v with u = x + 128, v = w + 128 and subtracts 128 * sum(u); what remains is constant.
    """
    unsigned = _rows(node).astype(np.int64) + 128
    bias = node.params["bias"].astype(np.int64) - 128 * unsigned.sum(axis=1) + 128 * 128 * unsigned.shape[1]
    packed = _blocks(unsigned.astype(np.uint8), 2, 4).transpose(0, 2, 3, 1)
    return {
        "weights": np.ascontiguousarray(packed).view(np.int8),
        "bias": bias.astype(np.int32),
        "shift": _right_shifts(node),
    }


def blocks_8_channels_2_taps(node: Node) -> dict[str, Any]:
    """[o / 8][tap / 2][8][2], taps filled up to an even number."""
    packed = _blocks(_rows(node), 8, 2).transpose(0, 2, 1, 3)
    return {"weights": packed, "shift": _right_shifts(node)}


def blocks_4_channels(node: Node) -> dict[str, Any]:
    """[o / 4][tap][4]."""
    return {"weights": _blocks(_rows(node), 4, 1).transpose(0, 2, 3, 1), "shift": _right_shifts(node)}


def blocks_4_channels_unsigned(node: Node) -> dict[str, Any]:
    """[o / 4][tap][4] of weight + 128; the kernel takes 128 * sum(x) off."""
    packed = _blocks((_rows(node).astype(np.int64) + 128).astype(np.uint8), 4, 1).transpose(0, 2, 3, 1)
    return {"weights": np.ascontiguousarray(packed).view(np.int8), "shift": _right_shifts(node)}


def blocks_8_channels(node: Node) -> dict[str, Any]:
    """[o / 8][tap][8]."""
    return {"weights": _blocks(_rows(node), 8, 1).transpose(0, 2, 3, 1), "shift": _right_shifts(node)}


LAYOUTS: dict[str, Layout] = {
    f.__name__: f
    for f in (
        plain,
        blocks_2_channels,
        blocks_2_channels_unsigned,
        blocks_4_channels,
        blocks_4_channels_unsigned,
        blocks_8_channels,
        blocks_8_channels_2_taps,
    )
}
