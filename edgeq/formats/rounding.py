"""How a real between two integers is rounded, under QONNX's names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[Any]


def _away(x: Reals) -> Reals:
    return np.asarray(np.sign(x) * np.ceil(np.abs(x)))


def _half_away(x: Reals) -> Reals:
    return np.asarray(np.sign(x) * np.floor(np.abs(x) + 0.5))


def _half_to_zero(x: Reals) -> Reals:
    return np.asarray(np.sign(x) * np.ceil(np.abs(x) - 0.5))


ROUNDINGS: Mapping[str, Callable[[Reals], Reals]] = {
    "ROUND": np.rint,
    "HALF_EVEN": np.rint,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "UP": _away,
    "DOWN": np.trunc,
    "HALF_UP": _half_away,
    "HALF_DOWN": _half_to_zero,
}
"""Name -> function; floats in, whole floats of the same type out. UP and DOWN are away from zero and towards it."""


def integer_bounds(bits: int, signed: bool, narrow: bool) -> tuple[int, int]:
    """Smallest and largest integer of `bits` bits; narrow leaves out the lowest signed, the highest unsigned one."""
    if signed:
        return -(2 ** (bits - 1)) + int(narrow), 2 ** (bits - 1) - 1
    return 0, 2**bits - 1 - int(narrow)


def quantized_levels(
    x: Reals, scale: Any, zero_point: Any, *, bits: int, signed: bool, narrow: bool, rounding: str
) -> Reals:
    """The integers, as floats of x's type, that QONNX's Quant gives reals: round(x / scale + zero_point), limited.

    scale, zero_point: numbers or arrays that broadcast. One signed bit is +1 from 0 on (-0.0 too) and -1 below.
    Every step is rounded to x's type, as qonnx does.
    """
    kind = x.dtype.type
    scaled = x / np.asarray(scale, dtype=kind) + np.asarray(zero_point, dtype=kind)
    if bits == 1 and signed:
        return np.asarray(np.where(scaled >= 0, kind(1), kind(-1)))
    low, high = integer_bounds(bits, signed, narrow)
    return np.asarray(ROUNDINGS[rounding](np.clip(scaled, kind(low), kind(high))))
