"""Weight packers of kernels whose weights lie in groups with factors of their own: four rows in the lanes of two words.

Words and chunks are explained in runtime/include/edgeq/edgeq_group_lanes.h.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeq.errors import InternalError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.kernels.layouts import LAYOUTS, Layout, rows

LANES = 4
"""Rows at a time: two words of two lanes. Two planes of one output are two rows."""
LANE_BITS = 16
PAIRS = np.array([(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (1, -1), (-1, 1)])
"""Trits of two planes."""


def _values(products: Array, factors: Array) -> Array:
    """[o, n] products and [o, n] factors -> the weights; a group without a factor has any, here the factor 0's own."""
    values = products // np.maximum(factors, 1)
    if not np.array_equal(values * factors, products):
        raise InternalError("weights in groups are not multiples of their factors")
    return np.asarray(values)


def _trits(products: Array, factors: Array) -> Array:
    """[o, n] products and [o, n, 2] factors -> the trits of both planes, [o, 2, n]."""
    fits = factors @ PAIRS.T == products[..., np.newaxis]
    if not fits.any(axis=-1).all():
        raise InternalError("weights in two planes are not sums of their factors")
    return np.asarray(np.moveaxis(PAIRS[fits.argmax(axis=-1)], -1, 1))


def _chunks(taps: int, group_size: int, chunk: int) -> list[tuple[int, int, int]]:
    """(first tap, end, group) of every chunk of a row."""
    return [
        (start, min(start + chunk, first + group_size, taps), index)
        for index, first in enumerate(range(0, taps, group_size))
        for start in range(first, min(first + group_size, taps), chunk)
    ]


def _words(lanes: Array, bits: int) -> Array:
    """[..., lanes, n] fields of one chunk -> [..., lanes, words] of 16 bits, tap by tap from the lowest bits on."""
    taps = LANE_BITS // bits
    filled = np.pad(lanes, ((0, 0), (0, 0), (0, -lanes.shape[2] % taps)))
    split = filled.reshape(*lanes.shape[:2], filled.shape[2] // taps, taps)
    return np.asarray((split << (bits * np.arange(taps))).sum(axis=-1))


def _blocks(table: Array, channel_groups: int) -> Array:
    """[o, planes, n] -> [blocks, LANES, n]; the outputs of every group of channels are filled up with zeros."""
    n = table.shape[2]
    lanes = table.reshape(channel_groups, -1, n)
    filled = np.pad(lanes, ((0, 0), (0, -lanes.shape[1] % LANES), (0, 0)))
    return np.asarray(filled.reshape(-1, LANES, n))


def _in_lanes(name: str, bits: int, bias: int, step: int, chunk: int) -> Layout:
    """weight = step * field - bias; chunks of `chunk` taps at most."""

    def layout(node: Node) -> dict[str, Any]:
        products = rows(node).astype(np.int64)
        factors = np.asarray(node.params["factors"]).astype(np.int64)
        channel_groups = node.params.get("groups", 1)
        size, taps = node.params["group_size"], products.shape[1]
        spread = factors[:, np.arange(taps) // size]
        values = _trits(products, spread) if factors.shape[2] == 2 else _values(products, spread[..., 0])[:, np.newaxis]
        fields = (_blocks(values, channel_groups) + bias) // step
        chunks = _chunks(taps, size, chunk)
        halves = np.concatenate([_words(fields[..., a:b], bits) for a, b, _ in chunks], axis=2)
        words = halves[:, 0::2] | halves[:, 1::2] << LANE_BITS
        offsets = factors.sum(axis=2)[:, [group for _, _, group in chunks]].sum(axis=1)
        return {
            "weights": words.transpose(0, 2, 1).astype(np.uint32),
            "factors": _blocks(factors.transpose(0, 2, 1), channel_groups).transpose(0, 2, 1).astype(np.uint8),
            "bias": (node.params["bias"].astype(np.int64) + offsets).astype(np.uint32).view(np.int32),
        }

    layout.__name__ = name
    return layout


LAYOUTS |= {
    f.__name__: f
    for f in (
        _in_lanes("lanes_w4g", 4, 8, 1, 32),
        _in_lanes("lanes_w2g", 2, 2, 1, 128),
        _in_lanes("lanes_w1g", 1, 1, 2, 128),
        _in_lanes("lanes_wtx2g", 2, 1, 1, 128),
    )
}
