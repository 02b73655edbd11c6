"""exp and the reciprocal in 32-bit fixed point, as gemmlowp publishes them; TFLite's int8 softmax is built on both.

Numbers are integers with an implied 2**-31 (Q0.31) or 2**-29 (Q2.29). Products round half up
(`fixed_point.high_multiply`), shifts half away from zero (`fixed_point.round_shift_right`). The constants are derived
here from what they stand for.

Source: the fixed-point exponential of gemmlowp (documented in its fixedpoint header): a Taylor polynomial around -1/8
on [-1/4, 0), times exp(-2**k) for every bit of the rest of the exponent.
"""

from __future__ import annotations

import math

import numpy as np

from edgeq.ir.types import Array
from edgeq.ops.fixed_point import INT32_MAX, high_multiply, round_shift_right

ONE_Q31 = INT32_MAX
_INTEGER_BITS = 5
_FRACTION_BITS = 31 - _INTEGER_BITS


def _constant(value: float, fraction_bits: int) -> int:
    return math.floor(math.ldexp(value, fraction_bits) + 0.5)


def _shift_left(x: Array, exponent: int) -> Array:
    """x << exponent, saturating to 32 bits."""
    return np.asarray(np.clip(x << exponent, -(2**31), INT32_MAX))


def _exp_quarter(x: Array) -> Array:
    """exp of Q0.31 numbers in [-1/4, 0), Q0.31."""
    centre = _constant(math.exp(-1 / 8), 31)
    third = _constant(1 / 3, 31)
    t = x + (1 << 28)
    t2 = high_multiply(t, t)
    t3 = high_multiply(t2, t)
    t4 = high_multiply(t2, t2)
    tail = high_multiply(round_shift_right(t4, 2) + t3, third) + t2
    return centre + high_multiply(t + round_shift_right(tail, 1), centre)


def exp_on_negative_values(x: Array) -> Array:
    """exp(x) for x <= 0 in Q5.26 (int64), as Q0.31; exactly 0 gives the largest number."""
    quarter = 1 << (_FRACTION_BITS - 2)
    fraction = (x & (quarter - 1)) - quarter
    result = _exp_quarter(fraction << _INTEGER_BITS)
    rest = fraction - x
    for exponent in range(-2, _INTEGER_BITS):
        factor = _constant(math.exp(-(2.0**exponent)), 31)
        bit = 1 << (_FRACTION_BITS + exponent)
        result = np.where(rest & bit, high_multiply(result, factor), result)
    return np.where(x == 0, ONE_Q31, result)


def reciprocal_of_one_plus(x: Array) -> Array:
    """1 / (1 + x) for x in [0, 1) in Q0.31 (int64), as Q0.31: three Newton-Raphson steps from 48/17 - 32/17 d."""
    total = x + ONE_Q31
    half = np.asarray((total + 1) >> 1)  # (1 + x) / 2, halves up; never negative
    d = _constant(48 / 17, 29) + high_multiply(half, _constant(-32 / 17, 29))
    for _ in range(3):
        error = (1 << 29) - high_multiply(half, d)
        d = d + _shift_left(high_multiply(d, error), 2)
    return _shift_left(d, 1)
