"""Rings in four bits: keys and values that share a power of two per head and token.

A part of a frame (a head of one token), its zero point taken off, becomes integers m of four bits and one shift s, the
smallest with which all fit: x - zero point is about m << s. In memory it is a byte with s, then the m in pairs, the
first of a pair in the low half.
"""

from __future__ import annotations

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.base import Params
from edgeq.ops.inferences import require_int8
from edgeq.ops.registry import register
from edgeq.ops.ring import Ring

LOW, HIGH = -8, 7
MOST_SHIFT = 6
"""With it, any difference of two int8 fits."""


def encode(parts: Array) -> Array:
    """Integers [..., size] in [-255, 255] -> codes int8 [..., 1 + size / 2]."""
    x = parts.astype(np.int64)
    shift = np.full((*x.shape[:-1], 1), MOST_SHIFT)
    for s in range(MOST_SHIFT - 1, -1, -1):
        m = _rounded(x, np.asarray(s))
        fits = ((m >= LOW) & (m <= HIGH)).all(axis=-1, keepdims=True)
        shift = np.where(fits, s, shift)
    m = _rounded(x, shift) & 15
    return np.concatenate([shift, m[..., 0::2] | m[..., 1::2] << 4], axis=-1).astype(np.uint8).view(np.int8)


def _rounded(x: Array, shift: Array) -> Array:
    """x / 2**shift, half up."""
    return np.asarray((x + ((1 << shift) >> 1)) >> shift)


def decode(codes: Array) -> Array:
    """Codes [..., 1 + size / 2] -> integers [..., size]."""
    bytes_ = codes.astype(np.uint8, copy=False).astype(np.int64)
    pairs = np.stack([bytes_[..., 1:] & 15, bytes_[..., 1:] >> 4], axis=-1)
    m = (pairs.reshape(*pairs.shape[:-2], -1) ^ 8) - 8
    return np.asarray(m << bytes_[..., :1])


def code_bytes(size: int) -> int:
    """Of a part."""
    return 1 + size // 2


@register
class RingInt4(Ring):
    """`ring` whose frames are kept in four bits; y[1, frames, parts * (1 + size / 2)] holds codes. `size` is even."""

    name = "ring_int4"
    summary = "`ring` in four bits (`--ring int4`)"

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        if node.attrs["size"] % 2:
            raise ValueError(f"parts of {node.attrs['size']} elements, an odd number")
        return super().infer(node)

    def part_elements(self, size: int) -> int:
        return code_bytes(size)

    def stored(self, node: Node, parts: Array) -> Array:
        return encode(parts.astype(np.int64) - node.input(0).zero_point)

    def lower(self, node: Node) -> Params:
        require_int8(Node(node.op, node.name, [node.input(0)], node.outputs))
        a = node.attrs
        names = ("frames", "start", "parts", "size", "stride")
        return {**{name: int(a[name]) for name in names}, "zero_point": node.input(0).zero_point}
