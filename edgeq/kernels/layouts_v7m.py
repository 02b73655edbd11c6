"""Weight packers of the kernels for Armv7-M without the DSP extension (Cortex-M3): streams in the order of reading."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.kernels.layouts import LAYOUTS, blocks, rows
from edgeq.kernels.layouts_dsp import _NONE, _factor_words, _table, _words
from edgeq.ops.accumulate import untied_multipliers

_EXCESS = 1 << 15
"""What is added to some taps of two pixels in one word, so that the first pixel's part is never negative."""


def _columns(*columns: Array) -> Array:
    """[channel][column] words as bytes [channel][4 * column]."""
    return _words(np.stack(columns, axis=1))


def conv_channel_stream(node: Node) -> dict[str, Any]:
    """Per channel words (loop, start, bias), weights filled up to a multiple of 4 taps, words (factor, shift).

    loop: 4 where the products of every 4 weights with int8 stay within `_EXCESS`; those of every 2 always do.
    """
    bias, factor, right = _factor_words(node)
    weights = blocks(rows(node), 1, 4)[:, 0]
    small = np.abs(weights.astype(np.int64)).sum(axis=2).max(axis=1) * 128 < _EXCESS
    weights = weights.reshape(len(bias), -1)
    start = bias * (1 + (1 << 16)) - weights.shape[1] // np.where(small, 4, 2) * _EXCESS
    head = _columns(np.where(small, 4, 0), start, bias)
    stream = np.concatenate([head, weights, _columns(factor, right)], axis=1)
    return {"weights": stream, "bias": _NONE, "multiplier": _NONE, "shift": _NONE.astype(np.int8)}


def depthwise_3x3_channels(node: Node) -> dict[str, Any]:
    """Everything about a channel in 20 bytes: 9 weights, shift, 2 bytes, and words (factor, bias).

    Weights are in the order of the lines that the kernel walks: rows, or columns where those are longer.
    """
    bias, factor, right = _factor_words(node)
    taps = rows(node).reshape(-1, 3, 3)
    if node.params["out_h"] > node.params["out_w"]:
        taps = taps.transpose(0, 2, 1)
    tail = np.stack([right, np.zeros_like(right), np.zeros_like(right)], axis=1).astype(np.int8)
    stream = np.concatenate([taps.reshape(-1, 9), tail, _columns(factor, bias)], axis=1)
    return {"weights": stream, "bias": _NONE, "multiplier": _NONE, "shift": _NONE.astype(np.int8)}


def dense_8_outputs_stream(node: Node) -> dict[str, Any]:
    """Per 8 outputs biases as words, [tap][8] weights, and words (factor, shift) of each output."""
    bias, factor, right = _factor_words(node, untied_multipliers(node))
    weights = blocks(rows(node), 8, 1)[..., 0].transpose(0, 2, 1)
    count = len(weights)
    biases = np.pad(bias, (0, -len(bias) % 8)).reshape(count, 8)
    table = _table(factor, right, 8).reshape(count, 16)
    stream = np.concatenate([_words(biases), weights.reshape(count, -1), _words(table)], axis=1)
    return {"weights": stream, "bias": _NONE, "multiplier": _NONE, "shift": _NONE.astype(np.int8)}


_ROWS = (conv_channel_stream, dense_8_outputs_stream, depthwise_3x3_channels)
LAYOUTS |= {f.__name__: f for f in _ROWS}
