"""The packed formats read once more, in plain Python from the words of docs/spec.md: what edgeq.formats is held to."""

from __future__ import annotations

from dataclasses import dataclass

from edgeq.formats import Format
from edgeq.formats.packing import Fields, Planes, Trits


@dataclass(frozen=True)
class Row:
    """All codes that begin and end in a row, padding included, and whether bytes and padding are legal."""

    codes: list[int]
    legal: bool


def read_row(row: bytes, form: Format, n: int) -> Row:
    """The row of n elements in a format."""
    if isinstance(form.packing, Trits):
        return _read_trits(row, form, n, form.packing)
    codes = _fields(row, form.packing.bits) if isinstance(form.packing, Fields) else _planes(row, form.packing)
    exist = all(form.values[code] is not None for code in codes)
    return Row(codes, exist and all(code == form.neutral for code in codes[n:]))


def _fields(row: bytes, bits: int) -> list[int]:
    return [byte >> shift & (1 << bits) - 1 for byte in row for shift in range(0, 8, bits)]


def _planes(row: bytes, packing: object) -> list[int]:
    assert isinstance(packing, Planes)
    size = len(row) // packing.bits
    return [sum((row[p * size + i // 8] >> i % 8 & 1) << p for p in range(packing.bits)) for i in range(size * 8)]


def _read_trits(row: bytes, form: Format, n: int, packing: Trits) -> Row:
    stream, neutral = int.from_bytes(row, "little"), sum(form.neutral * 3**k for k in range(packing.count))
    used = -(-n // packing.count)
    numbers = [stream >> packing.bits * k & (1 << packing.bits) - 1 for k in range(used)]
    codes = [number // 3**k % 3 for number in numbers for k in range(packing.count)]
    # What follows the last number goes on with neutral numbers; the row's end may cut one off.
    rest, left = stream >> packing.bits * used, 8 * len(row) - packing.bits * used
    expected = sum(neutral << packing.bits * k for k in range(8)) & (1 << left) - 1
    legal = all(number < 3**packing.count for number in numbers) and rest == expected
    return Row(codes, legal and all(code == form.neutral for code in codes[n:]))
