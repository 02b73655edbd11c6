"""Groups: rows cut into groups of elements, each with a factor of its own, over any format of weights.

    real = row scale * factor * value of the base format

The row scale is real and goes into the requantization of its output channel. The factors are integers, so that a
kernel stays in integers: one byte (`q8`), or a multiplier and a shift (`q31`, as in docs/numbers.md). There is no
float type: the runtime has no float. A group of zeros has factor 0 and neutral codes; nothing is divided by it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgeq.errors import InternalError, ModelDataError
from edgeq.formats.base import SCALE_BYTES, Format, Reals, finite
from edgeq.formats.packing import Bytes, Codes
from edgeq.formats.registry import number_format

Factors = NDArray[np.int64]
"""[rows, groups, planes, 1] of 0..255 (q8), or [rows, groups, planes, 2] of multiplier and shift (q31)."""

FACTOR_BYTES = {"q8": 1, "q31": SCALE_BYTES}


@dataclass(frozen=True)
class GroupedRows:
    """A tensor in groups: codes [planes, rows, n], factors, and the real scale of each row [rows], positive."""

    codes: Codes
    factors: Factors
    scale: Reals


@dataclass(frozen=True)
class Grouped:
    """Groups of `size` elements of a base format; the last group of a row may be shorter."""

    base: Format
    size: int
    factor: Literal["q8", "q31"] = "q8"

    planes: ClassVar[int] = 1
    suffix: ClassVar[str] = ""

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ModelDataError(f"a group has at least one element, not {self.size}")
        if self.base.role != "weights":
            raise InternalError(f"groups are for weights, not for {self.base.name}")

    @property
    def name(self) -> str:
        """Base, `g`, size, and an `m` for q31 factors: w4g32, wt5g64m."""
        return f"{self.base.name}{self.suffix}g{self.size}{'m' if self.factor == 'q31' else ''}"

    def lengths(self, n: int) -> list[int]:
        """Elements of each group of a row of n."""
        return [min(self.size, n - start) for start in range(0, n, self.size)]

    def plane_bytes(self, n: int) -> int:
        """Bytes of the codes of one plane of a row."""
        return sum(self.base.row_bytes(length) for length in self.lengths(n))

    def row_bytes(self, n: int) -> int:
        """Bytes of a row of n elements, factors and padding included. Raises ModelDataError for n < 1."""
        if n < 1:
            raise ModelDataError(f"a packed row has at least one element, not {n}")
        return self.planes * (self.plane_bytes(n) + len(self.lengths(n)) * FACTOR_BYTES[self.factor])

    def bits_per_weight(self, shape: tuple[int, ...], scales: int = 1) -> float:
        """As Format.bits_per_weight; `scales` counts the row scales, the factors are part of the row."""
        rows, n = shape[0], prod(shape[1:])
        return 8 * (rows * self.row_bytes(n) + scales * SCALE_BYTES) / (rows * n)

    def encode(self, reals: ArrayLike) -> GroupedRows:
        """[rows, n] -> codes, factors and row scales, each group fitted alone, then rounded with its final factor.

        Raises ModelDataError for NaN, infinity and tensors without elements.
        """
        array = finite(reals)
        if array.ndim != 2:
            raise InternalError(f"groups are cut from [rows, n], not from {array.shape}")
        groups = self._split(array)
        wanted = np.stack([self._fit(group) for group in groups], axis=1)
        largest = wanted.max(axis=(1, 2))
        top = 255 if self.factor == "q8" else 1
        # A row of zeros has factors of 0 whatever its scale; so has one too small to be divided.
        scale = np.where(largest / top > 0, largest / top, 1.0)
        factors = self._round(wanted / scale[:, np.newaxis, np.newaxis])
        exact = self.ratios(factors) * scale[:, np.newaxis, np.newaxis]
        codes = [self._assign(group, exact[:, g]) for g, group in enumerate(groups)]
        return GroupedRows(np.concatenate(codes, axis=-1), factors, scale)

    def decode(self, rows: GroupedRows) -> Reals:
        """Exact multiples of the row scale, [rows, n]: integers for q8. real = decode * scale."""
        ratios = self.ratios(rows.factors)
        n = rows.codes.shape[-1]
        group = np.arange(n) // self.size
        values = self.base.decode(rows.codes)
        return np.asarray(sum(ratios[:, group, p] * values[p] for p in range(self.planes)), dtype=np.float64)

    def ratios(self, factors: Factors) -> Reals:
        """What factors multiply by, [rows, groups, planes]."""
        if self.factor == "q8":
            return factors[..., 0].astype(np.float64)
        return np.asarray(np.ldexp(factors[..., 0].astype(np.float64), factors[..., 1] - 31))

    def pack(self, rows: GroupedRows) -> Bytes:
        """[rows, row_bytes(n)]: planes of groups, then the factors by group and plane. Scales are not part of it."""
        parts = [self.base.pack(group) for plane in rows.codes for group in self._split(plane)]
        flat = rows.factors.reshape(len(rows.factors), -1, rows.factors.shape[-1])
        low = [(flat[..., 0] >> shift & 255) for shift in range(0, 8 if self.factor == "q8" else 32, 8)]
        fields = low if self.factor == "q8" else [*low, flat[..., 1] & 255]
        table = np.stack(fields, axis=-1).astype(np.uint8)
        return np.concatenate([*parts, table.reshape(len(table), -1)], axis=-1)

    def unpack(self, data: NDArray[Any], n: int, scale: ArrayLike = 1.0) -> GroupedRows:
        """The inverse; `scale` is kept beside the rows. Raises ModelDataError for bytes that `pack` never writes."""
        array = np.asarray(data, dtype=np.uint8)
        if array.ndim != 2 or array.shape[1] != self.row_bytes(n):
            raise ModelDataError(f"a row of {n} in format {self.name} has {self.row_bytes(n)} bytes, not {array.shape}")
        lengths = self.lengths(n)
        sizes = [self.base.row_bytes(length) for length in lengths] * self.planes
        *groups, table = np.split(array, np.cumsum(sizes), axis=1)
        parts = [self.base.unpack(group, lengths[i % len(lengths)]) for i, group in enumerate(groups)]
        planes = [np.concatenate(parts[p * len(lengths) : (p + 1) * len(lengths)], axis=1) for p in range(self.planes)]
        factors = self._read(table.reshape(len(array), len(lengths), self.planes, FACTOR_BYTES[self.factor]))
        return GroupedRows(np.stack(planes), factors, np.broadcast_to(np.asarray(scale, np.float64), len(array)))

    def _read(self, table: Bytes) -> Factors:
        if self.factor == "q8":
            return table.astype(np.int64)
        multiplier = (table[..., :4].astype(np.int64) << np.arange(0, 32, 8)).sum(axis=-1)
        shift = table[..., 4].astype(np.int8).astype(np.int64)
        zero = (multiplier == 0) & (shift == 0)
        if not (zero | (multiplier >= 1 << 30) & (multiplier < 1 << 31) & (shift >= -31) & (shift <= 1)).all():
            raise ModelDataError(
                f"a factor of format {self.name} has a multiplier outside [2^30, 2^31) or a shift outside [-31, 1]"
            )
        return np.stack([multiplier, shift], axis=-1)

    def _round(self, ratios: Reals) -> Factors:
        """[rows, groups, planes] -> the nearest factors."""
        if self.factor == "q8":
            return np.clip(np.rint(ratios), 0, 255).astype(np.int64)[..., np.newaxis]
        mantissa, exponent = np.frexp(ratios)
        multiplier = np.rint(np.ldexp(mantissa, 31)).astype(np.int64)
        carried = multiplier == 1 << 31
        multiplier, shift = np.where(carried, 1 << 30, multiplier), exponent.astype(np.int64) + carried
        # Below 2^-32 of the row's largest group, a group is 0.
        gone = (multiplier == 0) | (shift < -31)
        return np.stack([np.where(gone, 0, multiplier), np.where(gone, 0, shift)], axis=-1)

    def _split(self, rows: NDArray[Any]) -> list[NDArray[Any]]:
        return np.split(rows, range(self.size, rows.shape[-1], self.size), axis=-1)

    def _fit(self, group: Reals) -> Reals:
        """[rows, m] -> the scale of each plane, [rows, planes], not negative."""
        return self.base.fit_scale(group)

    def _assign(self, group: Reals, scales: Reals) -> Codes:
        """Codes [planes, rows, m] at the scales [rows, planes] that the factors stand for."""
        positive = scales > 0
        codes = self.base.encode(group, np.where(positive, scales, 1.0))
        return np.where(positive, codes, np.uint8(self.base.neutral)).astype(np.uint8)[np.newaxis]


_NAME = re.compile(r"(?P<base>w[a-z0-9]+?)(?P<two>x2)?g(?P<size>[0-9]+)(?P<wide>m)?")


def group_format(name: str) -> Grouped:
    """The format of a name such as w4g32, wt5g64m or wtx2g128; an internal error when it does not read so."""
    from edgeq.formats.trit_planes import TritPlanes

    match = _NAME.fullmatch(name)
    if match is None:
        raise InternalError(f"{name!r} does not read <format>[x2]g<size>[m]")
    kind = TritPlanes if match["two"] else Grouped
    return kind(number_format(match["base"]), int(match["size"]), "q31" if match["wide"] else "q8")
