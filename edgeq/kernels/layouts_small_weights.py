"""Weight packers of the kernels for 8-bit activations and weights below 8 bits.

All start from the rows of docs/spec.md and keep their bytes per output; only the order changes, and, for ternary
weights in dense layers, the numbering of the codes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgeq.formats import number_format
from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.kernels.layouts import LAYOUTS, Layout, factor_tables, factors, rows

_OFFSETS = {"w1": 8 * 128, "w2": 4 * 2 * 128, "wt5": 5 * 128}
"""What a byte's sums have added so that none is negative: weights per byte times the largest magnitude of a product."""

_PAIRS_OFFSET = 32640
"""What the sum of 32 products of 4-bit weights has added; EDGEQ_PAIRS_OFFSET of the C header."""


def _one_factor(node: Node, tables: dict[str, Any]) -> dict[str, Any]:
    """The tables, or, where all channels have the same factor, `multiplier` and shift as a pair and no `shift`."""
    multiplier, shift = factors(node)[1:] if "bias" in tables else (node.params["multiplier"], node.params["shift"])
    if np.ptp(multiplier) or np.ptp(shift):
        return tables
    pair = np.array([multiplier[0], shift[0]], dtype=np.int32)
    return {**tables, "multiplier": pair, "shift": np.zeros(0, dtype=np.int8)}


def _packed(node: Node, weight_format: str) -> Array:
    row = number_format(weight_format)
    return row.pack(row.to_codes(rows(node))).astype(np.int64)


def _columns(data: Array, groups: tuple[int, ...]) -> Array:
    """[o][byte] -> groups of groups[0] bytes as [group][o][byte], of what is left those of groups[1], and so on."""
    parts, at = [], 0
    for size in groups:
        while data.shape[1] - at >= size:
            parts.append(data[:, at : at + size].ravel())
            at += size
    return np.concatenate(parts).astype(np.uint8).view(np.int8)


def _paired_digits() -> Array:
    """Three digits of base 3 -> their number in the order of edgeq_dense_a8_wt5_table__c: +-1 side by side."""
    signs, trits = (-1, 1), (-1, 0, 1)
    order = [(a, b, c) for c in trits for b in trits for a in signs]
    order += [(0, b, c) for c in trits for b in signs] + [(0, 0, c) for c in signs] + [(0, 0, 0)]
    numbers = np.zeros(27, dtype=np.int64)
    for number, (a, b, c) in enumerate(order):
        numbers[(a + 1) + 3 * (b + 1) + 9 * (c + 1)] = number
    return numbers


_PAIRED_DIGITS = _paired_digits()


def _dense_table(weight_format: str) -> Layout:
    def layout(node: Node) -> dict[str, Any]:
        data = _packed(node, weight_format)
        if weight_format == "wt5":
            data = _PAIRED_DIGITS[data % 27] + 28 * (data // 27)
        tables = _one_factor(node, factor_tables(node, 2, -_OFFSETS[weight_format] * data.shape[1]))
        return {"weights": _columns(np.pad(data, ((0, len(data) % 2), (0, 0))), (8, 4, 1)), **tables}

    layout.__name__ = f"dense_table_{weight_format}"
    layout.__doc__ = "Bytes of the format by groups of 8, 4 and 1 as [group][o][byte], an even number of outputs."
    return layout


def _conv_table(weight_format: str) -> Layout:
    def layout(node: Node) -> dict[str, Any]:
        data = _packed(node, weight_format)
        tables = _one_factor(node, factor_tables(node, 1, -_OFFSETS[weight_format] * data.shape[1]))
        return {"weights": _columns(data, (4, 1)), **tables}

    layout.__name__ = f"conv_table_{weight_format}"
    layout.__doc__ = "Bytes of the format by groups of 4 and 1 as [group][o][byte]."
    return layout


def _depthwise_rows(weight_format: str) -> Layout:
    def layout(node: Node) -> dict[str, Any]:
        row = number_format(weight_format)
        blocks = rows(node).reshape(-1, 4, node.params["kernel_h"] * node.params["kernel_w"]).transpose(0, 2, 1)
        codes = row.to_codes(blocks.reshape(len(blocks), -1))
        return {"weights": row.pack(codes).view(np.int8), **factor_tables(node, 1)}

    layout.__name__ = f"depthwise_rows_of_4_{weight_format}"
    layout.__doc__ = "[c / 4] rows of [tap][4], each from a byte on."
    return layout


def _channel_rows(weight_format: str) -> Layout:
    def layout(node: Node) -> dict[str, Any]:
        return _one_factor(node, {"weights": _packed(node, weight_format).astype(np.uint8).view(np.int8)})

    layout.__name__ = f"channel_rows_{weight_format}"
    layout.__doc__ = "One row per output channel as docs/spec.md has it, each from a byte on."
    return layout


def _pair_words(weights: Array) -> Array:
    """[o][taps] -> [o][words] of 8 codes weight + 8: tap 2 k in bits 16 + 4 k up, tap 2 k + 1 in bits 4 k up."""
    outputs, taps = weights.shape
    codes = np.full((outputs, -(-taps // 8) * 8), 8, dtype=np.uint32)
    codes[:, :taps] = weights.astype(np.int64) + 8
    places = np.array([16, 0, 20, 4, 24, 8, 28, 12], dtype=np.uint32)
    return np.asarray((codes.reshape(outputs, -1, 8) << places).sum(axis=2, dtype=np.uint32))


def _as_bytes(words: Array) -> Array:
    return np.ascontiguousarray(words.astype("<u4")).view(np.int8)


def conv_pairs_w4(node: Node) -> dict[str, Any]:
    """[tap / 32][o / 2][word][2], the last group with only as many words as it needs; an even number of channels."""
    words = _pair_words(rows(node))
    filled = np.pad(words, ((0, len(words) % 2), (0, 0))).reshape(-1, 2, words.shape[1]).transpose(0, 2, 1)
    groups = [filled[:, i : i + 4].ravel() for i in range(0, words.shape[1], 4)]
    return {"weights": _as_bytes(np.concatenate(groups)), **factor_tables(node, 2, -_PAIRS_OFFSET * len(groups))}


def dense_pairs_w4(node: Node) -> dict[str, Any]:
    """[o / 4][word][4], outputs filled up with codes of 0."""
    words = _pair_words(rows(node))
    outputs, width = words.shape
    filled = np.pad(words, ((0, -outputs % 4), (0, 0)))
    blocks = filled.reshape(-1, 4, width).transpose(0, 2, 1)
    return {"weights": _as_bytes(blocks.ravel()), **factor_tables(node, 4, -_PAIRS_OFFSET * -(-width // 4))}


_FAMILIES: tuple[Callable[[str], Layout], ...] = (_dense_table, _conv_table)
_LAYOUTS: list[Layout] = [family(name) for family in _FAMILIES for name in _OFFSETS]
_LAYOUTS += [family(name) for family in (_depthwise_rows, _channel_rows) for name in (*_OFFSETS, "w4")]
LAYOUTS |= {f.__name__: f for f in (*_LAYOUTS, conv_pairs_w4, dense_pairs_w4)}
