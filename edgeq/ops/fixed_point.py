"""Requantization: multiplying an int32 accumulator by a real factor with integers only.

A factor is `multiplier * 2**(shift - 31)` with `multiplier` in [2**30, 2**31) (or 0) and `shift` a power-of-two
exponent, positive to the left. The rounding is that of TFLite's reference kernels (gemmlowp's
SaturatingRoundingDoublingHighMul followed by RoundingDivideByPOT, "double rounding"): the high product is rounded half
up, the following right shift half away from zero. Dense layers are rounded once (`requantize_once`), as LiteRT does.
`runtime/include/edgeq/edgeq_requantize.h` is its twin in C.

Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from edgeq.errors import ModelDataError
from edgeq.ir.types import Array

INT32_MAX = 2**31 - 1
OUTPUT_STEPS = 256
"""From one end of int8 to the other, relative to any zero point."""


def quantize_multiplier(factor: float) -> tuple[int, int]:
    """A real factor >= 0 as (multiplier, shift); factors under 2**-32 become (0, 0)."""
    if not math.isfinite(factor) or factor < 0:
        raise ModelDataError(f"requantization factor {factor!r} is not a finite number >= 0")
    if factor == 0:
        return 0, 0
    fraction, shift = math.frexp(factor)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier //= 2
        shift += 1
    if shift < -31:
        return 0, 0
    return multiplier, shift


def quantize_multipliers(factors: Sequence[float] | Array) -> tuple[Array, Array]:
    """One (multiplier, shift) per factor, as int32 and int8 arrays."""
    pairs = [quantize_multiplier(float(f)) for f in factors]
    return (
        np.array([m for m, _ in pairs], dtype=np.int32),
        np.array([s for _, s in pairs], dtype=np.int8),
    )


def high_multiply(x: Array, multiplier: Array | int) -> Array:
    """round_half_up(x * multiplier / 2**31); int64 in and out, |x| < 2**31."""
    product = x.astype(np.int64) * np.asarray(multiplier, dtype=np.int64)
    return np.asarray((product + (1 << 30)) >> 31)


def round_shift_right(x: Array, exponent: Array | int) -> Array:
    """x / 2**exponent, ties away from zero; exponent >= 0, int64 in and out."""
    e = np.asarray(exponent, dtype=np.int64)
    half = np.where(e > 0, np.int64(1) << np.maximum(e - 1, 0), 0)
    return np.asarray((x + half - ((x < 0) & (e > 0))) >> e)


def requantize(x: Array, multiplier: Array | int, shift: Array | int) -> Array:
    """x * multiplier * 2**(shift - 31) with double rounding; broadcasts, int64 out.

    x << max(shift, 0) must fit in 32 bits: `check_accumulator` proves it at conversion.
    """
    s = np.asarray(shift, dtype=np.int64)
    shifted = x.astype(np.int64) << np.maximum(s, 0)
    return round_shift_right(high_multiply(shifted, multiplier), np.maximum(-s, 0))


def requantize_once(x: Array, multiplier: Array | int, shift: Array | int) -> Array:
    """x * multiplier * 2**(shift - 31) rounded once, half away from zero: LiteRT's rule for dense layers (since 1.4).

    LiteRT rounds the real product in double precision; `exact_multiplier` finds multipliers that give the same.
    Ranges as for `requantize`. The twin in C is `edgeq_requantize_once`.
    """
    exponent = 31 - np.asarray(shift, dtype=np.int64)
    wide = x.astype(np.int64)
    product = np.abs(wide) * np.asarray(multiplier, dtype=np.int64)
    scaled = (product + (np.int64(1) << (exponent - 1))) >> exponent
    return np.asarray(np.where(wide < 0, -scaled, scaled))


@cache
def exact_multiplier(factor: float, bound: int) -> tuple[int, int]:
    """(multiplier, shift) with which `requantize_once` equals rounding x * factor in double, for every |x| <= bound.

    Both are steps of x, so they are equal when they step at the same integers: each of the steps that an int8 output
    can show confines the multiplier to an interval. Where the intervals have nothing in common, the nearest
    multiplier is as good as 31 bits allow.
    """
    multiplier, shift = quantize_multiplier(factor)
    if multiplier == 0:
        return 0, 0
    low, high = 0, 2**31 - 1
    for step in range(OUTPUT_STEPS):
        first = _first_above(step + 0.5, factor)
        if first > bound:
            break
        half = (2 * step + 1) << (30 - shift)
        low = max(low, -(-half // first))
        if first > 1:
            high = min(high, (half - 1) // (first - 1))
    return (min(max(multiplier, low), high) if low <= high else multiplier), shift


def untied_multiplier(multiplier: int, shift: int, bound: int) -> int | None:
    """A multiplier with which rounding half up is `requantize_once` for every |x| <= bound; None where there is none.

    The two rules differ where x * multiplier is half-way between two outputs and negative. The next multiplier moves
    such products away from zero; it must not move others over a half. shift: at least one bit to the right.
    """
    half = 1 << (30 - shift)
    first_tie = half // math.gcd(half, multiplier) if multiplier else bound + 1
    if first_tie > bound:
        return multiplier
    for step in range(OUTPUT_STEPS + 1):
        level = (2 * step + 1) * half
        first = -(-level // multiplier)
        if first > bound + 1:
            break
        if (first <= bound and first * (multiplier + 1) <= level) or (first - 1) * (multiplier + 1) >= level:
            return None
    return multiplier + 1


def _first_above(level: float, factor: float) -> int:
    """The smallest integer x >= 1 with x * factor >= level in double precision."""
    x = max(math.floor(level / factor) - 1, 1)
    while x * factor < level:
        x += 1
    return x


def check_accumulator(bound: int, shift: int, where: str) -> None:
    """Raises ModelDataError unless |accumulator| <= bound survives the left shift in 32 bits."""
    if bound << max(shift, 0) > INT32_MAX:
        raise ModelDataError(
            f"the accumulator may reach {bound} and then needs a left shift of {max(shift, 0)}: more than 32 bits",
            where=where,
            hint="the output scale is far too small for this layer; quantize the model again",
        )


def clamp_bounds(
    scale: float, zero_point: int, low: float | None, high: float | None, limits: tuple[int, int]
) -> tuple[int, int]:
    """Real clamp bounds as integers of the output's type (None: the type's own limit)."""
    smallest, largest = limits
    q_low = smallest if low is None else zero_point + _round_half_away(low / scale)
    q_high = largest if high is None else zero_point + _round_half_away(high / scale)
    return min(max(q_low, smallest), largest), max(min(q_high, largest), smallest)


def _round_half_away(x: float) -> int:
    if math.isinf(x):
        return 2**40 if x > 0 else -(2**40)
    return math.floor(x + 0.5) if x >= 0 else math.ceil(x - 0.5)
