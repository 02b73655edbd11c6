"""Weight packers: tables in exactly the order in which a kernel's inner loop reads them.

A layout takes a lowered node and returns the parameters that it replaces in the node's C descriptor. The shapes stay
those of the operator's public header; only the tables change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgeq.formats import number_format, number_formats
from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops import operator
from edgeq.ops.accumulate import constant_channels
from edgeq.ops.fixed_point import requantize, requantize_once

Layout = Callable[[Node], dict[str, Any]]


def plain(node: Node) -> dict[str, Any]:
    """The tables as lowering made them."""
    return {}


def blocks(weights: Array, channels: int, taps: int) -> Array:
    """[outputs, taps] -> [blocks, channels, steps, taps], filled up with zeros."""
    outputs, width = weights.shape
    blocks, steps = -(-outputs // channels), -(-width // taps)
    filled = np.zeros((blocks * channels, steps * taps), dtype=weights.dtype)
    filled[:outputs, :width] = weights
    return filled.reshape(blocks, channels, steps, taps)


def rows(node: Node) -> Array:
    """Weights with output channels first, one row of taps each."""
    weights = np.moveaxis(np.asarray(node.params["weights"]), operator(node.op).weight_axis, 0)
    return weights.reshape(weights.shape[0], -1)


def factors(node: Node) -> tuple[Array, Array, Array]:
    """Bias, multiplier and shift to the right, the latter in [1, 31] whatever the channel.

    A factor of 0 has no shift of its own and gets 1. A channel without weights has a constant output q, whose bias
    may be too large for the short requantization; 4 q with a factor of 1/4 gives the same.
    """
    bias, multiplier, shift = (node.params[k].astype(np.int64) for k in ("bias", "multiplier", "shift"))
    constant = constant_channels(node, operator(node.op).weight_axis)
    rule = requantize_once if node.op == "dense" else requantize
    output = np.clip(rule(bias, multiplier, shift), -512, 511)
    right = np.where(multiplier == 0, 1, -shift)
    return (
        np.where(constant, 4 * output, bias),
        np.where(constant, 1 << 30, multiplier),
        np.where(constant, 1, right),
    )


def factor_tables(node: Node, channels: int, extra_bias: Array | int = 0) -> dict[str, Any]:
    """Bias, multiplier and shift to the right, filled up to whole blocks of `channels`."""
    bias, multiplier, right = factors(node)
    fill = (0, -len(bias) % channels)
    return {
        "bias": np.pad(bias + extra_bias, fill).astype(np.int32),
        "multiplier": np.pad(multiplier, fill).astype(np.int32),
        "shift": np.pad(right, fill, constant_values=1).astype(np.int8),
    }


def as_int8(unsigned: Array) -> Array:
    """The same bytes, as the descriptor's pointer wants them."""
    return np.ascontiguousarray(unsigned.astype(np.uint8)).view(np.int8)


def conv_2_channels(node: Node) -> dict[str, Any]:
    """[o / 2][tap][2], taps filled up to a multiple of 4."""
    return {"weights": blocks(rows(node), 2, 4).transpose(0, 2, 3, 1), **factor_tables(node, 2)}


def conv_2_channels_unsigned(node: Node) -> dict[str, Any]:
    """[o / 2][tap][2] of weight + 128, taps filled up to a multiple of 4 with 0; the bias takes the 128s out again.

    The kernel sums u * v with u = x + 128, v = w + 128 and subtracts 128 * sum(u); what remains is constant.
    """
    unsigned = rows(node).astype(np.int64) + 128
    extra = 128 * 128 * unsigned.shape[1] - 128 * unsigned.sum(axis=1)
    return {"weights": as_int8(blocks(unsigned, 2, 4).transpose(0, 2, 3, 1)), **factor_tables(node, 2, extra)}


def conv_8_channels(node: Node) -> dict[str, Any]:
    """[o / 8][tap / 2][8][2], taps filled up to an even number."""
    return {"weights": blocks(rows(node), 8, 2).transpose(0, 2, 1, 3), **factor_tables(node, 8)}


def _depthwise(node: Node, channels: int) -> dict[str, Any]:
    packed = blocks(rows(node), channels, 3).transpose(0, 2, 3, 1)
    padding = np.full(-(-node.params["in_c"] // 4) * 4, node.params["input_zero_point"], dtype=np.int8)
    return {"weights": np.concatenate([padding, packed.ravel()]), **factor_tables(node, channels)}


def depthwise_1_channel(node: Node) -> dict[str, Any]:
    """One byte of input zero point per channel, channels filled up to a multiple of 4; then [c][tap].

    Taps are filled up to a multiple of 3.
    """
    return _depthwise(node, 1)


def depthwise_4_channels(node: Node) -> dict[str, Any]:
    """As `depthwise_1_channel`, but [c / 4][tap][4]."""
    return _depthwise(node, 4)


def dense_4_outputs_unsigned(node: Node) -> dict[str, Any]:
    """[o / 4][i][4] of weight + 128; the kernel takes 128 * sum(x) off."""
    unsigned = rows(node).astype(np.int64) + 128
    return {"weights": as_int8(blocks(unsigned, 4, 1).transpose(0, 2, 3, 1)), **factor_tables(node, 4)}


def dense_8_outputs(node: Node) -> dict[str, Any]:
    """[o / 8][i][8]."""
    return {"weights": blocks(rows(node), 8, 1).transpose(0, 2, 3, 1), **factor_tables(node, 8)}


def _packed_rows(weight_format: str) -> Layout:
    """One row per output channel as docs/spec.md has it, each from a byte on."""

    def layout(node: Node) -> dict[str, Any]:
        row = number_format(weight_format)
        return {"weights": row.pack(row.to_codes(rows(node)))}

    layout.__name__ = f"rows_{weight_format}"
    return layout


LAYOUTS: dict[str, Layout] = {
    f.__name__: f
    for f in (
        plain,
        conv_2_channels,
        conv_2_channels_unsigned,
        conv_8_channels,
        depthwise_1_channel,
        depthwise_4_channels,
        dense_4_outputs_unsigned,
        dense_8_outputs,
        *(_packed_rows(row.name) for row in number_formats() if row.role == "weights"),
    )
}
