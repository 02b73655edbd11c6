"""How the codes of one row become bytes.

Three ways: fields beside each other, bit-planes one after another, base-3 numbers. All are defined byte by byte, least
significant first, and fill the last byte of a row by going on with the neutral code, so that rows start on bytes and
any length is possible. docs/spec.md has the pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import ModelDataError

Codes = NDArray[np.uint8]
"""[..., n]: one code per weight or activation, not packed."""

Bytes = NDArray[np.uint8]
"""[..., row_bytes(n)]: packed rows."""


class Packing(Protocol):
    """One way of packing. Arrays are [..., row]; n >= 1."""

    def row_bytes(self, n: int) -> int:
        """Bytes of a row of n codes."""

    def pack(self, codes: Codes, neutral: int) -> Bytes:
        """Codes -> bytes; codes fit (the format has checked them)."""

    def unpack(self, data: Bytes, n: int) -> Codes:
        """The first n codes of each row, padding unseen. Raises ModelDataError for bytes that no code gives."""


def _to_bits(numbers: NDArray[Any], width: int) -> Bytes:
    """[..., n] -> [..., n * width] bits, least significant first."""
    bits = (numbers[..., np.newaxis] >> np.arange(width)) & 1
    return bits.astype(np.uint8).reshape(*numbers.shape[:-1], numbers.shape[-1] * width)


def _from_bits(bits: Bytes, width: int) -> Codes:
    """The inverse; leftover bits are dropped. width <= 8."""
    n = bits.shape[-1] // width
    grouped = bits[..., : n * width].reshape(*bits.shape[:-1], n, width)
    return np.asarray((grouped.astype(np.int64) << np.arange(width)).sum(axis=-1).astype(np.uint8))


def _fill(numbers: NDArray[Any], n: int, value: int) -> NDArray[Any]:
    """Rows prolonged to n numbers."""
    missing = n - numbers.shape[-1]
    return np.pad(numbers, [(0, 0)] * (numbers.ndim - 1) + [(0, missing)], constant_values=value)


def _pack_bits(bits: Bytes) -> Bytes:
    return np.packbits(bits, axis=-1, bitorder="little")


def _unpack_bits(data: Bytes) -> Bytes:
    return np.unpackbits(data, axis=-1, bitorder="little")


@dataclass(frozen=True)
class Fields:
    """Fields of 1, 2, 4 or 8 bits: code i is at bit (i % k) * bits of byte i // k; k = 8 / bits."""

    bits: int

    def row_bytes(self, n: int) -> int:
        return (n * self.bits + 7) // 8

    def pack(self, codes: Codes, neutral: int) -> Bytes:
        filled = _fill(codes, self.row_bytes(codes.shape[-1]) * 8 // self.bits, neutral)
        return _pack_bits(_to_bits(filled, self.bits))

    def unpack(self, data: Bytes, n: int) -> Codes:
        return _from_bits(_unpack_bits(data), self.bits)[..., :n]


@dataclass(frozen=True)
class Planes:
    """Bit b of every code makes plane b, ceil(n / 8) bytes; planes follow each other, plane 0 first."""

    bits: int

    def row_bytes(self, n: int) -> int:
        return self.bits * ((n + 7) // 8)

    def pack(self, codes: Codes, neutral: int) -> Bytes:
        filled = _fill(codes, (codes.shape[-1] + 7) // 8 * 8, neutral)
        planes = [_pack_bits(((filled >> b) & 1).astype(np.uint8)) for b in range(self.bits)]
        return np.concatenate(planes, axis=-1)

    def unpack(self, data: Bytes, n: int) -> Codes:
        planes = _unpack_bits(data.reshape(*data.shape[:-1], self.bits, data.shape[-1] // self.bits))[..., :n]
        return np.asarray((planes << np.arange(self.bits, dtype=np.uint8)[:, np.newaxis]).sum(axis=-2).astype(np.uint8))


@dataclass(frozen=True)
class Trits:
    """`count` codes of 0..2 make one number, the first being its lowest base-3 digit; each number takes `bits` bits.

    Numbers follow each other as one stream of bits, least significant first.
    """

    count: int
    bits: int

    @property
    def numbers(self) -> int:
        """How many numbers there are; larger ones are not legal."""
        return int(3**self.count)

    def row_bytes(self, n: int) -> int:
        return (-(-n // self.count) * self.bits + 7) // 8

    def pack(self, codes: Codes, neutral: int) -> Bytes:
        size = self.row_bytes(codes.shape[-1])
        # As many numbers as begin in the row: the last one may be cut off by the row's end.
        filled = _fill(codes, -(-size * 8 // self.bits) * self.count, neutral)
        digits = filled.reshape(*filled.shape[:-1], filled.shape[-1] // self.count, self.count)
        numbers = (digits * 3 ** np.arange(self.count)).sum(axis=-1)
        return _pack_bits(_to_bits(numbers, self.bits)[..., : size * 8])

    def unpack(self, data: Bytes, n: int) -> Codes:
        numbers = _from_bits(_unpack_bits(data), self.bits)[..., : -(-n // self.count)]
        wrong = numbers >= self.numbers
        if wrong.any():
            *row, index = (int(i[0]) for i in np.nonzero(wrong))
            raise ModelDataError(
                f"number {int(numbers[wrong][0])} at position {index} does not exist: "
                f"{self.count} trits are 0..{self.numbers - 1}",
                where=f"packed row {tuple(row)}",
            )
        digits = numbers[..., np.newaxis] // 3 ** np.arange(self.count) % 3
        return np.asarray(digits.reshape(*data.shape[:-1], numbers.shape[-1] * self.count)[..., :n].astype(np.uint8))
