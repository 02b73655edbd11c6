"""Weight packers of the kernels for Arm cores with the DSP extension.

SXTB16 makes the halves of a word from bytes 0 and 2, and from 1 and 3 after a rotation: kernels expand four inputs to
the words (0, 2) and (1, 3), so weights come in the order of `TAP_ORDER`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.kernels.layouts import LAYOUTS, blocks, factors, rows
from edgeq.ops import operator
from edgeq.ops.accumulate import constant_channels, untied_multipliers

TAP_ORDER = [0, 2, 1, 3]
_NONE: Array = np.zeros(0, dtype=np.int32)


def _paired(weights: Array, channels: int, taps: int) -> Array:
    """[outputs, taps] -> bytes [blocks][taps / 2][channels / 2][2 taps][low, high] of w0 + 256 w1.

    Channels are filled up to blocks, taps to a multiple of `taps`, with zeros; neighbouring channels share a halfword,
    whose high byte gives back what the sign of the low one takes.
    """
    filled = blocks(weights.astype(np.int64), channels, taps)
    count = len(filled)
    pairs = filled.reshape(count, channels, -1, 4)[..., TAP_ORDER].reshape(count, channels // 2, 2, -1, 2)
    halves = (pairs[:, :, 0] + 256 * pairs[:, :, 1]).astype("<i2")
    return np.ascontiguousarray(halves.transpose(0, 2, 1, 3)).view(np.int8)


def _factor_words(node: Node, multipliers: Array | None = None) -> tuple[Array, Array, Array]:
    """Bias, the factor of EDGEQ_DSP_FINISH (2 m - 2^32), and the shift to the right, in [1, 31].

    A multiplier of 0 becomes one of 1/2 and the longest shift: no accumulator is left of it. `multipliers` stand in
    for those of the node, except in constant channels.
    """
    bias, multiplier, right = factors(node)
    if multipliers is not None:
        constant = constant_channels(node, operator(node.op).weight_axis)
        multiplier = np.where(constant, multiplier, multipliers)
    none = multiplier == 0
    return bias, np.where(none, -(1 << 31), 2 * multiplier - (1 << 32)), np.where(none, 31, right)


def _table(factor: Array, word: Array, channels: int) -> Array:
    """[channel][2]: factor, and a word with the shift in its low byte; filled up to blocks of `channels`."""
    fill = -len(factor) % channels
    columns = [np.pad(factor, (0, fill)), np.pad(word, (0, fill), constant_values=1)]
    return np.stack(columns, axis=1).astype(np.int32)


def _words(values: Array) -> Array:
    """The bytes of 32-bit words, along the last axis."""
    return np.ascontiguousarray(values.astype("<i4")).view(np.int8)


def conv_4_channels_paired(node: Node) -> dict[str, Any]:
    """As `_paired`; `multiplier` is [channel][2]: factor, bias * 256 + shift. `bias` and `shift` are in there."""
    bias, factor, right = _factor_words(node)
    table = _table(factor, bias * 256 + right, 4)
    return {
        "weights": _paired(rows(node), 4, 4),
        "bias": _NONE,
        "multiplier": table,
        "shift": _NONE.astype(np.int8),
    }


def conv_2_channels_words(node: Node) -> dict[str, Any]:
    """[o / 2][tap / 4][2][4], taps filled up to a multiple of 4; `multiplier` is [channel][2]: factor, shift."""
    bias, factor, right = _factor_words(node)
    fill = (0, len(bias) % 2)
    return {
        "weights": blocks(rows(node), 2, 4).transpose(0, 2, 1, 3),
        "bias": np.pad(bias, fill).astype(np.int32),
        "multiplier": _table(factor, right, 2),
        "shift": _NONE.astype(np.int8),
    }


def conv_channel_words(node: Node) -> dict[str, Any]:
    """Per channel a record of words, weights as halfwords in the order of `TAP_ORDER`; 8 or 16 taps.

    8: factor, shift, bias, weights; 16: bias, weights, factor, shift, output zero point.
    """
    bias, factor, right = _factor_words(node)
    taps = rows(node).reshape(len(bias), -1, 4)[..., TAP_ORDER].reshape(len(bias), -1)
    weights = np.ascontiguousarray(taps.astype("<i2")).view(np.int8)
    if taps.shape[1] == 8:
        parts = [_words(np.stack([factor, right, bias], axis=1)), weights]
    else:
        zero = np.full_like(right, node.params["output_zero_point"])
        parts = [_words(np.stack([bias], axis=1)), weights, _words(np.stack([factor, right, zero], axis=1))]
    return {
        "weights": np.concatenate(parts, axis=1),
        "bias": _NONE,
        "multiplier": _NONE,
        "shift": _NONE.astype(np.int8),
    }


def dense_4_outputs_paired(node: Node) -> dict[str, Any]:
    """As `_paired`; `bias` is [o / 2][2]: b0, b0 + 256 b1; `multiplier` is [o][2]: factor, shift."""
    bias, factor, right = _factor_words(node, untied_multipliers(node))
    fill = -len(bias) % 4
    pairs = np.pad(bias, (0, fill)).reshape(-1, 2)
    return {
        "weights": _paired(rows(node), 4, 8),
        "bias": np.stack([pairs[:, 0], pairs[:, 0] + 256 * pairs[:, 1]], axis=1).astype(np.int32),
        "multiplier": _table(factor, right, 4),
        "shift": _NONE.astype(np.int8),
    }


_NIBBLES = np.array([1, 16, 256, 4096])
_CRUMBS = np.array([1, 4, 16, 64])


def _in_fields(node: Node, scales: Array, taps: int, order: list[int]) -> Array:
    """[o / 4][tap]: u0 + u1 * scale + u2 * scale + w3 * scale, u = w + half the scale; taps of every 4 in `order`."""
    filled = blocks(rows(node).astype(np.int64), 4, taps)
    ordered = filled.reshape(len(filled), 4, -1, 4)[..., order].reshape(len(filled), 4, -1)
    excess = np.array([1, 1, 1, 0]).reshape(4, 1) * (scales[1] // 2)
    return np.tensordot(scales, ordered + excess, ((0,), (1,)))


def _nibbles(node: Node, taps: int) -> dict[str, Any]:
    return {"weights": _in_fields(node, _NIBBLES, taps, TAP_ORDER).astype("<i2").view(np.int8)}


def _crumbs(node: Node, taps: int) -> dict[str, Any]:
    return {"weights": _in_fields(node, _CRUMBS, taps, [0, 1, 2, 3]).astype(np.int8)}


def _fields(node: Node, scales: Array, multipliers: Array | None = None) -> dict[str, Any]:
    """Tables of kernels whose sums come out times `scales`, the last one with the others in it."""
    bias, factor, right = _factor_words(node, multipliers)
    fill = -len(bias) % len(scales)
    starts = np.pad(bias, (0, fill)).reshape(-1, len(scales)) * scales
    starts[:, -1] = starts.sum(axis=1)
    table = _table(factor, right, len(scales))
    return {"bias": starts.astype(np.int32), "multiplier": table, "shift": _NONE.astype(np.int8)}


def conv_4_channels_nibbles(node: Node) -> dict[str, Any]:
    """Halfwords as `_in_fields`, taps filled up to a multiple of 4; `multiplier` is [channel][2]: factor, shift."""
    return _nibbles(node, 4) | _fields(node, _NIBBLES)


def dense_4_outputs_nibbles(node: Node) -> dict[str, Any]:
    """Halfwords as `_in_fields`, taps filled up to a multiple of 8; `multiplier` is [o][2]: factor, shift."""
    return _nibbles(node, 8) | _fields(node, _NIBBLES, untied_multipliers(node))


def conv_4_channels_crumbs(node: Node) -> dict[str, Any]:
    """Bytes as `_in_fields`, taps filled up to a multiple of 4; `multiplier` is [channel][2]: factor, shift."""
    return _crumbs(node, 4) | _fields(node, _CRUMBS)


def dense_4_outputs_crumbs(node: Node) -> dict[str, Any]:
    """Bytes as `_in_fields`, taps filled up to a multiple of 8; `multiplier` is [o][2]: factor, shift."""
    return _crumbs(node, 8) | _fields(node, _CRUMBS, untied_multipliers(node))


def depthwise_3x3_records(node: Node) -> dict[str, Any]:
    """Everything about a channel in 20 bytes: 9 weights, shift, factor, bias, as edgeq_depthwise_conv2d.h says.

    Of every four channels the order is that of SXTB16.
    """
    bias, factor, right = _factor_words(node)
    taps = rows(node).reshape(-1, 3, 3)
    if node.params["out_h"] > node.params["out_w"]:
        taps = taps.transpose(0, 2, 1)
    w = taps.reshape(-1, 9)
    order = [0, 1, 3, 4, 2, 6, 5, 7]
    tail = np.stack([right, w[:, 8], np.zeros_like(right), np.zeros_like(right)], axis=1)
    words = _words(np.stack([factor, bias], axis=1))
    records = np.concatenate([w[:, order], tail.astype(np.int8), words], axis=1)
    return {
        "weights": np.ascontiguousarray(records.reshape(-1, 4, 20)[:, TAP_ORDER]),
        "bias": _NONE,
        "multiplier": _NONE,
        "shift": _NONE.astype(np.int8),
    }


def depthwise_4_channels_stream(node: Node) -> dict[str, Any]:
    """A line of input zero points, one byte per channel; then per 4 channels biases, [tap][4], and factors with shifts.

    Words but for the weights; taps are filled up to a multiple of 3. There are 4, 8, ... channels.
    """
    bias, factor, right = _factor_words(node)
    taps = blocks(rows(node), 4, 3).transpose(0, 2, 3, 1)
    count = len(taps)
    records = [_words(bias).reshape(count, -1), taps.reshape(count, -1)]
    records.append(_words(np.stack([factor, right], axis=1)).reshape(count, -1))
    line = np.full(node.params["in_c"], node.params["input_zero_point"], dtype=np.int8)
    weights = np.concatenate([line, np.concatenate(records, axis=1).ravel()])
    return {"weights": weights, "bias": _NONE, "multiplier": _NONE, "shift": _NONE.astype(np.int8)}


_ROWS = (
    conv_2_channels_words,
    conv_channel_words,
    conv_4_channels_crumbs,
    dense_4_outputs_crumbs,
    dense_4_outputs_nibbles,
    conv_4_channels_nibbles,
    conv_4_channels_paired,
    dense_4_outputs_paired,
    depthwise_3x3_records,
    depthwise_4_channels_stream,
)
LAYOUTS |= {f.__name__: f for f in _ROWS}
