"""Weight packers of kernels that take packed activations: bit-slices, words of bits."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.kernels.layouts import LAYOUTS, rows

Tables = dict[str, Any]

BLOCK = 32
"""Output channels of a block of bit-slices."""

WORD_CHANNELS = 8
"""Output channels beside each other in words of binary weights."""

BIPOLAR = 2
"""`input_kind` of binary inputs, +1 and -1."""

_INPUT_BITS = {(1, 2): 1, (1, 0): 0, (2, 1): 1, (2, 0): 2, (4, 1): 3, (4, 0): 4}
"""By (input_bits, input_kind): how many bits an input can add to a weight's magnitude. What kernels list of a binary
input counts twice."""


def _words(data: Array) -> Array:
    """Bytes, filled up to whole words, as words (lowest byte first)."""
    flat = data.ravel().view(np.uint8)
    return np.pad(flat, (0, -flat.size % 4)).view("<u4").astype(np.uint32)


def _offsets(node: Node, weights: Array) -> Array:
    """What kernels add to what they count, int64 [outputs]: the bias, and for binary inputs the sum of all weights."""
    bias: Array = node.params["bias"].astype(np.int64)
    if not bias.size:
        bias = np.zeros(len(weights), dtype=np.int64)
    return bias + weights.sum(axis=1) if node.params["input_kind"] == BIPOLAR else bias


def _slice_units(codes: Array, planes: int) -> Array:
    """Weights as runtime/include/edgeq/edgeq_bit_slices.h says; codes: [outputs, inputs]."""
    parts = []
    for first in range(0, len(codes), BLOCK):
        block = codes[first : first + BLOCK]
        unit = next(np.dtype(f"<u{size}") for size in (2, 4) if 8 * size >= len(block))
        for plane in range(planes):
            bits = (block >> plane) & 1
            words = (bits << np.arange(len(block))[:, np.newaxis]).sum(axis=0)
            parts.append(np.append(words, 0).astype(unit).view(np.uint8))
    return _words(np.concatenate(parts))


def compared_in_slices(node: Node) -> bool:
    """Whether kernels compare the layer's sums with its thresholds in bit-slices."""
    p = node.params
    return bool(p["output_bits"] == 1 or (p["output_bits"] == 2 and p["output_step"] == 1))


def _slice_thresholds(node: Node, offsets: Array, levels: int) -> Array:
    """[block][threshold][levels] planes of offset - threshold, limited to what tells signs apart."""
    limits = np.broadcast_to(node.params["thresholds"], (len(offsets), node.params["threshold_count"]))
    end = 1 << (levels - 2)
    distance = np.clip(offsets[:, np.newaxis] - limits.astype(np.int64), -end, end)
    filled = np.pad(distance, ((0, -len(offsets) % BLOCK), (0, 0))).reshape(-1, BLOCK, distance.shape[1], 1)
    bits = (filled >> np.arange(levels)) & 1
    return np.asarray((bits << np.arange(BLOCK).reshape(1, BLOCK, 1, 1)).sum(axis=1).astype(np.uint32))


def _finish(node: Node, offsets: Array, inputs: int, factor_bits: int) -> Tables:
    """Thresholds compared in slices, or the bias: what follows the sums of `inputs` inputs."""
    if not compared_in_slices(node):
        return {"bias": offsets.astype(np.int32)}
    levels = inputs.bit_length() + factor_bits + 2
    return {"thresholds": _slice_thresholds(node, offsets, levels), "bias": np.zeros(0, dtype=np.int32)}


def _slices(weight_bits: int, planes: int, node: Node) -> Tables:
    taps = rows(node).astype(np.int64)
    offsets = _offsets(node, taps)
    codes = (taps < 0).astype(np.int64) if planes == 1 else taps
    input_bits = _INPUT_BITS[node.params["input_bits"], node.params["input_kind"]]
    return {"weights": _slice_units(codes, planes), **_finish(node, offsets, taps.shape[1], weight_bits + input_bits)}


def words_w1(node: Node) -> Tables:
    """Binary weights by words, as runtime/include/edgeq/edgeq_bit_words.h says."""
    taps = rows(node).astype(np.int64)
    outputs, inputs = taps.shape
    equal = np.pad(taps > 0, ((0, -outputs % WORD_CHANNELS), (0, -inputs % 32)))
    words = np.packbits(equal, axis=1, bitorder="little").view("<u4").astype(np.uint32)
    tables: Tables = {"weights": words.reshape(-1, WORD_CHANNELS, words.shape[1]).transpose(0, 2, 1)}
    if node.params["output_bits"] == 1:
        bias = node.params["bias"].astype(np.int64) if node.params["bias"].size else 0
        limits = np.broadcast_to(node.params["thresholds"][:, 0].astype(np.int64), outputs)
        matches = np.clip(-((bias - limits - inputs) // 2), 0, inputs + 1)
        tables["thresholds"] = np.pad(-matches, (0, -outputs % WORD_CHANNELS)).astype(np.int16)
        tables["bias"] = np.zeros(0, dtype=np.int32)
    return tables


def depthwise_words_w1(node: Node) -> Tables:
    """Binary weights [channel / 32][tap] in words, inverted."""
    taps = rows(node).astype(np.int64)
    channels, window = taps.shape
    equal = np.pad(taps > 0, ((0, -channels % BLOCK), (0, 0))).reshape(-1, BLOCK, window)
    words = (equal.astype(np.int64) << np.arange(BLOCK)[:, np.newaxis]).sum(axis=1)
    bias = node.params["bias"].astype(np.int64) if node.params["bias"].size else np.zeros(channels, np.int64)
    return {"weights": words.astype(np.uint32), **_finish(node, bias - window, window, 1)}


LAYOUTS |= {
    "slices_w1": partial(_slices, 0, 1),
    "slices_wp2": partial(_slices, 1, 2),
    "slices_wp4": partial(_slices, 3, 4),
    "words_w1": words_w1,
    "depthwise_words_w1": depthwise_words_w1,
}
