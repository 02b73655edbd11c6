"""A number format: which integers there are, their codes, and how rows of codes are stored."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgeq.errors import InternalError, ModelDataError
from edgeq.formats.packing import Bytes, Codes, Packing

Reals = NDArray[np.float64]
Integers = NDArray[np.int32]

SCALE_BYTES = 5
"""Of one scale in the generated C: an int32 multiplier and an int8 shift (docs/numbers.md)."""


def finite(reals: ArrayLike) -> Reals:
    """As float64. Raises ModelDataError for NaN and infinity, which have no code, and for arrays without elements."""
    array = np.asarray(reals, dtype=np.float64)
    if array.ndim == 0 or array.size == 0:
        raise ModelDataError(f"a packed tensor needs rows of at least one element, not shape {array.shape}")
    if not np.isfinite(array).all():
        raise ModelDataError("NaN or infinity cannot be encoded", hint="look for diverged training")
    return array


@dataclass(frozen=True)
class Format:
    """A row of the registry.

    Three forms of the same numbers: `reals` (float64), `values` (the exact integers; real = value * scale), `codes`
    (uint8, one per element). All are [..., n], where the last axis is packed and padded on its own ("row").
    """

    name: str
    """As in kernel names: `w4` in edgeq_dense_a8_w4__c."""

    summary: str
    role: Literal["weights", "activations"]
    values: tuple[int | None, ...]
    """Value of code 0, 1, ...; None where a code does not exist."""

    neutral: int
    """The code that fills rows up."""

    tail: str
    """Why the padding of a row changes no sum, and what a kernel must do for that."""

    packing: Packing
    header: str
    """The C twin of decode and unpack, below runtime/include."""

    c_value: str
    """C expression for the value of element `i` of a row `row` (const uint8_t *) of `count` elements, all uint32_t."""

    source: str = ""
    """Where the format comes from, when it has a paper."""

    @cached_property
    def low(self) -> int:
        """The smallest value."""
        return min(self._existing)

    @cached_property
    def high(self) -> int:
        """The largest value."""
        return max(self._existing)

    @property
    def has_zero(self) -> bool:
        """Whether 0 is a value; binary formats have only +1 and -1."""
        return 0 in self._existing

    @cached_property
    def _existing(self) -> tuple[int, ...]:
        return tuple(v for v in self.values if v is not None)

    @cached_property
    def _value_of(self) -> Integers:
        # Codes that do not exist are refused before the table is read.
        return np.array([0 if v is None else v for v in self.values], dtype=np.int32)

    @cached_property
    def _code_of(self) -> Codes:
        table = np.zeros(self.high - self.low + 1, dtype=np.uint8)
        for code, value in enumerate(self.values):
            if value is not None:
                table[value - self.low] = code
        return table

    @cached_property
    def _exists(self) -> NDArray[np.bool_]:
        return np.array([v is not None for v in self.values] + [False] * (256 - len(self.values)))

    def fit_scale(self, reals: ArrayLike) -> Reals:
        """A scale per row, shape [..., 1]. 0 where the format has nothing for a row but 0: a caller must decide.

        Integers: the smallest scale at which nothing saturates. Formats of at most +1 and -1: the mean magnitude,
        which is best for binary weights in the least-squares sense (XNOR-Net, 2016) and BitNet b1.58's rule (2024).
        """
        array = finite(reals)
        if max(self.high, -self.low) == 1 and min(self.high, -self.low) == 1:
            return np.asarray(np.abs(array).mean(axis=-1, keepdims=True))
        ends = [(array.max(axis=-1), self.high), (array.min(axis=-1), self.low)]
        scales = np.max([np.maximum(real / value, 0.0) for real, value in ends if value != 0], axis=0)
        return np.asarray(scales[..., np.newaxis])

    def quantize(self, reals: ArrayLike, scale: ArrayLike) -> Integers:
        """reals / scale -> the nearest value, ties to even; beyond the ends it saturates. Same shape.

        Binary: +1 for reals >= 0 (and -0.0), -1 below; the scale has no influence.
        scale: positive and finite, one number or an array that broadcasts against reals. Raises ModelDataError.
        """
        array, divisor = finite(reals), np.asarray(scale, dtype=np.float64)
        if not (np.isfinite(divisor).all() and (divisor > 0).all()):
            raise ModelDataError(
                f"format {self.name} needs positive finite scales",
                hint="a group of zeros needs no division: see groups",
            )
        if not self.has_zero:
            return np.where(array >= 0, 1, -1).astype(np.int32)
        # Limited first: a tiny scale may give infinities.
        with np.errstate(over="ignore"):
            limited = np.clip(array / divisor, self.low, self.high)
        return np.asarray(np.rint(limited).astype(np.int32))

    def to_codes(self, values: NDArray[Any]) -> Codes:
        """Integers -> codes. Raises ModelDataError for an integer that the format does not have."""
        array = np.asarray(values)
        inside = (array >= self.low) & (array <= self.high)
        if not inside.all() or (not self.has_zero and (array == 0).any()):
            raise ModelDataError(f"format {self.name} has the values {self.low}..{self.high}{self._hole()} only")
        return self._code_of[array.astype(np.int64) - self.low]

    def encode(self, reals: ArrayLike, scale: ArrayLike) -> Codes:
        """`quantize`, as codes."""
        return self.to_codes(self.quantize(reals, scale))

    def decode(self, codes: NDArray[Any]) -> Integers:
        """Codes -> exact integer values, same shape. Raises ModelDataError for codes that do not exist."""
        return self._value_of[self._checked(codes)]

    def pack(self, codes: NDArray[Any]) -> Bytes:
        """[..., n] -> [..., row_bytes(n)]. Raises ModelDataError for codes that do not exist."""
        return self.packing.pack(self._checked(codes), self.neutral)

    def unpack(self, data: NDArray[Any], n: int) -> Codes:
        """[..., row_bytes(n)] -> [..., n]; `pack` gives the same bytes again.

        Raises ModelDataError for rows of another length, codes that do not exist, and padding that is not neutral.
        """
        array = np.asarray(data, dtype=np.uint8)
        if array.ndim == 0 or array.shape[-1] != self.row_bytes(n):
            raise ModelDataError(f"a row of {n} in format {self.name} has {self.row_bytes(n)} bytes, not {array.shape}")
        codes = self.packing.unpack(array, n)
        if not np.array_equal(self.pack(codes), array):
            raise ModelDataError(f"the padding of a row of {n} in format {self.name} is not neutral")
        return codes

    def row_bytes(self, n: int) -> int:
        """Bytes of a row of n elements, padding included. Raises ModelDataError for n < 1."""
        if n < 1:
            raise ModelDataError(f"a packed row has at least one element, not {n}")
        return self.packing.row_bytes(n)

    def bits_per_weight(self, shape: tuple[int, ...], scales: int = 1) -> float:
        """Bits of storage per element of a tensor, padding of each row and its `scales` (SCALE_BYTES each) counted.

        shape: (outputs, ..., n); each output is one row. scales: 1 per tensor, shape[0] per channel, 0 when thresholds
        take their place.
        """
        rows, n = shape[0], prod(shape[1:])
        return 8 * (rows * self.row_bytes(n) + scales * SCALE_BYTES) / (rows * n)

    def _checked(self, codes: NDArray[Any]) -> Codes:
        array = np.asarray(codes)
        if array.dtype.kind not in "iu":
            raise InternalError(f"codes of format {self.name} are integers, not {array.dtype}")
        inside = (array >= 0) & (array < 256)
        if not inside.all() or not self._exists[array].all():
            bad = array[~inside] if not inside.all() else array[~self._exists[array]]
            raise ModelDataError(f"format {self.name} has no code {int(bad.flat[0])}")
        return array.astype(np.uint8)

    def _hole(self) -> str:
        return "" if self.has_zero else " without 0"
